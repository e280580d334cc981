"""Ranges of the values that recipes, headers and attributes hold, for `comedian.recipes.schema`."""

from typing import Annotated, Literal

from msgspec import Meta

LARGEST = 1_000_000_000  # of anything that is counted

Count = Annotated[int, Meta(ge=1, le=LARGEST)]
Number = Annotated[int, Meta(ge=0, le=LARGEST)]  # a count that may be none
HalfNumber = Annotated[int, Meta(ge=1, le=9)]
Pixels = Annotated[int, Meta(ge=1, le=4096)]
Width = Annotated[int, Meta(ge=1, le=65_536)]  # of a layer
Depth = Annotated[int, Meta(ge=1, le=1024)]  # blocks of a network, heads of a block
Rate = Annotated[float, Meta(gt=0, le=1000)]  # frames a second
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Below1 = Annotated[float, Meta(ge=0, lt=1)]
Inside1 = Annotated[float, Meta(gt=0, lt=1)]  # neither 0 nor 1
UpTo1 = Annotated[float, Meta(gt=0, le=1)]
Positive = Annotated[float, Meta(gt=0, le=1e6)]
Real = Annotated[float, Meta(ge=0, le=1e6)]  # not negative, and finite
Temperature = Annotated[float, Meta(ge=1e-4, le=1e6)]  # below, a softmax overflows
Signed = Annotated[float, Meta(ge=-1e6, le=1e6)]
HalfTurn = Annotated[float, Meta(ge=0, le=0.5)]
Quality = Annotated[int, Meta(ge=0, le=100)]  # of JPEG; 0 is none
Precision = Literal["auto", "bf16", "fp32"]  # "auto": as `training.precision.settled` decides
