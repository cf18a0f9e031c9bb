"""The site's pages: /hello is Django's own, /good and /raising are Bokeh's."""

from typing import Any

from app_functions import raising, slider  # type: ignore[import-not-found]
from bokeh_django import document
from django.http import HttpResponse
from django.urls import path


def hello(request: Any) -> Any:
    return HttpResponse("hello world")


urlpatterns = [path("hello", hello)]
bokeh_apps = [document("good", slider), document("raising", raising)]
