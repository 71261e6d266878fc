"""The product. `features.py` lists the packages by layer; `docs/architecture.md` explains them."""
