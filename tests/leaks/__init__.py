"""Leak cases: small apps with one mechanism each, the verdict that each must get, and a truth measured without us."""
