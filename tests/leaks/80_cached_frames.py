"""panel serve, ?user=u{i}.  Process growth, buffers: pn.cache without a bound, keyed by who asks, keeps a frame for each."""

import numpy as np
import pandas as pd
import panel as pn

pn.extension()


@pn.cache
def frame(user):
    return pd.DataFrame(np.random.default_rng(1).random((250_000, 4)), columns=list("abcd"))


user = pn.state.session_args.get("user", [b"nobody"])[0].decode()
pn.Column(f"# {user}", pn.pane.DataFrame(frame(user).head(5))).servable()
