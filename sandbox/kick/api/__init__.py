"""The public API, ``/public/v1`` and ``/public/v2``, with one module per chapter of its
reference."""
