"""The options as editors and type checkers see them are those that a run takes."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

import gtmask
from gtmask.errors import UsageError
from gtmask.run.settings import ConvertOptions, ExecutionOptions, Settings, split_options
from gtmask.storage.base import S3Settings


def test_the_typed_options_are_the_fields_with_their_types() -> None:
    expected = get_type_hints(Settings) | get_type_hints(ExecutionOptions)
    del expected["s3"]
    assert get_type_hints(ConvertOptions) == expected


def test_every_typed_option_is_taken_and_no_other() -> None:
    defaults = {name: getattr(Settings(), name) for name in get_type_hints(Settings)}
    defaults |= {
        name: getattr(ExecutionOptions(), name) for name in get_type_hints(ExecutionOptions) if name != "s3"
    }
    s3 = S3Settings(
        client="obstore", endpoint_url="http://127.0.0.1:1", profile="p", region="r", concurrency=3
    )
    assert split_options(defaults, s3) == (Settings(), ExecutionOptions(s3=s3))
    assert set(defaults) == set(get_type_hints(ConvertOptions))
    with pytest.raises(UsageError, match="filll is no option of convert"):
        split_options({"filll": "center"})


def test_no_option_has_the_name_of_a_parameter() -> None:
    parameters = set(inspect.signature(gtmask.convert).parameters) - {"options"}
    assert not parameters & set(get_type_hints(ConvertOptions))
