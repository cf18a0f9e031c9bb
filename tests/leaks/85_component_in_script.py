"""panel serve.  Process growth, objects: a component in JavaScript defined in the script makes a model class each visit."""

import panel as pn
import param

pn.extension()


class Counter(pn.custom.JSComponent):
    value = param.Integer(default=0)
    _esm = "export function render({ model }) { return document.createElement('button') }"


pn.Column("# Counter", Counter()).servable()
