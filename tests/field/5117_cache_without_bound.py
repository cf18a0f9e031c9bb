"""holoviz/panel#5117: pn.cache keeps what it has computed for each user for the life of the process."""

import numpy as np
import panel as pn

pn.extension()
user = pn.state.session_args.get("user", [b"nobody"])[0].decode()


@pn.cache
def load(user: str) -> np.ndarray:
    return np.random.default_rng(len(user)).random(250_000)


pn.Column(f"{user}: {load(user).mean():.3f}", pn.widgets.IntSlider(name="n")).servable()
