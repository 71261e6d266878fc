"""Text that people read and write: words, amounts, tables."""
