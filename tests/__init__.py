"""Tests. They mirror core/; conventions/ checks the code against its own rules, stories/ run the
whole product."""
