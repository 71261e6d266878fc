"""The public API, ``/public/v1`` and ``/public/v2``: a module for each chapter of its reference."""
