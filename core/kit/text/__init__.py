"""What people write and read: words, amounts, tables."""
