"""The public API, ``/public/v1`` and ``/public/v2``: one module for each chapter of Kick's reference."""
