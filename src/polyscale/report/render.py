"""Templates → HTML. Everything that a template is given is escaped."""

from base64 import b64encode
from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from polyscale.report import numbers
from polyscale.report.names import scales_phrase, scales_text


def render(template: str, **context: object) -> Markup:
    """The HTML of the template in this file, with what it shows."""
    return Markup(_environment().get_template(template).render(**context))  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("polyscale.report"),
        autoescape=True,  # names of classes and images are the user's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "percent": numbers.percent,
        "ratio": numbers.ratio,
        "cost": lambda value, key: numbers.AXES[key].text(value),
        "digits": numbers.three_digits,
        "count": "{:,}".format,
        "p_value": numbers.p_value,
        "scales_text": scales_text,
        "scales_phrase": scales_phrase,
        "breakable": lambda name: Markup("<br>@").join(map(escape, name.split("@", 1))),
        "base64": lambda content: b64encode(content).decode(),
    }
    environment.filters.update(filters)
    return environment
