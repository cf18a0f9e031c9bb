"""panel serve, ?user=u{i}.  Healthy: a bounded cache of 1.9 MB an entry, which is full after sixteen visits."""

import panel as pn
from acme import bounded

pn.extension()

user = pn.state.session_args.get("user", [b"nobody"])[0].decode()
pn.Column(f"# {user}", str(len(bounded.table(user)[1]))).servable()
