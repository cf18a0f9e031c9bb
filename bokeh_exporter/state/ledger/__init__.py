"""Parts of the rebuild ledger: where the time went, what built what, and what users call it."""
