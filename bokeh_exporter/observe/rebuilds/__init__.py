"""The rebuild ledger: which elements an interaction creates, updates in place, rebuilds."""
