"""What speaks to a Bokeh server from outside, and what starts one: for soak, the demo, tests and benchmarks.

Each of them had its own until they drifted apart. No server imports this, and it imports nothing of Bokeh: one client
speaks to the servers of all lines, whichever of them is installed beside it.
"""
