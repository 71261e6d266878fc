"""Tests. They mirror core/; house/ checks the house itself, stories/ run the whole product."""
