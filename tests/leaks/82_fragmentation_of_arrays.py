"""panel serve.  Fragmentation: many arrays of middling size, and a few small long-lived ones between them that are bounded."""

import numpy as np
import panel as pn
from acme import registry

pn.extension()

rows = []
for i in range(8_000):
    rows.append(np.ones(1_300))
    if i % 8 == 0:
        registry.STICKY[len(registry.STICKY) % 15_000] = bytearray(700)
pn.Column(f"{len(rows)} rows", pn.widgets.IntSlider(name="k", start=0, end=5)).servable()
