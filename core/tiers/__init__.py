"""Which subscription tier a viewer has, from everything that is known, and how well."""
