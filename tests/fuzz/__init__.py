"""Attacks that are drawn by chance, from a seed: requests, names, objects, cycles of install and uninstall, secrets.

``make fuzz`` runs them for a while, the suite for some seconds. A fault is a line with the seed of its round, which
``python -m tests.fuzz --only KIND --seed SEED --rounds 1`` repeats. What one has found is a test of its own elsewhere.
"""
