"""The settings of an ingest: how recordings are read, searched and cut. The one home of their defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usvireid.footage.choose import Choosing

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
_CHOOSING = Choosing()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ChoosingSettings(_Part):
    """Which boxes of a track become crops; what is what, and the defaults: `usvireid.footage.choose.Choosing`."""

    crops: Annotated[int, Field(ge=1, le=1000)] = Field(_CHOOSING.crops, description="of a track, at most")
    least_height: Annotated[int, Field(ge=8)] = Field(_CHOOSING.least_height, description="of a box, pixels")
    least_width: Annotated[int, Field(ge=4)] = Field(_CHOOSING.least_width, description="of a box, pixels")
    margin: Annotated[float, Field(ge=0, le=1)] = Field(
        _CHOOSING.margin, description="added on each side of a box, a share of its height"
    )
    overlap: Share = Field(_CHOOSING.overlap, description="share of a box that others may cover")
    shapes: tuple[Positive, Positive] = Field(
        _CHOOSING.shapes, description="height over width of a box, least and most"
    )
    least_life: Seconds = Field(_CHOOSING.least_life, description="seconds; shorter tracks give no crops")
    spacing: Seconds = Field(_CHOOSING.spacing, description="seconds; of boxes closer than that only the best counts")
    blur: Share = Field(_CHOOSING.blur, description="sharpness a crop needs, a share of the median of its track")

    @model_validator(mode="after")
    def _shapes_have_room(self) -> ChoosingSettings:
        if self.shapes[0] > self.shapes[1]:
            raise ValueError(f"shapes: the least, {self.shapes[0]:g}, is above the most, {self.shapes[1]:g}")
        return self


class FootageSettings(_Part):
    """How the recordings of a camera are read, searched and cut."""

    detector: str = Field(
        "motion", description="motion, hog, onnx:FILE or boxes:FILE; {video} in FILE is the video's name without suffix"
    )
    frame_rate: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        None, description="frames a second, against the time stamps of the files; none: these are believed"
    )
    every: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="look at each n-th frame only")
    deinterlace: Literal["auto", "always", "never"] = Field("auto", description="auto: frames marked as interlaced")
    inside: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="share of a box that has to lie in the white of the region mask"
    )
    format: Literal["jpg", "png"] = Field("jpg", description="of the crops' files")
    quality: Annotated[int, Field(ge=50, le=100)] = Field(95, description="of JPEG")
    choosing: ChoosingSettings = ChoosingSettings()
