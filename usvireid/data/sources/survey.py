"""What was found where a data set should lie."""

from __future__ import annotations

from dataclasses import dataclass

from usvireid.data.crops import Crops
from usvireid.errors import DataError


@dataclass(frozen=True)
class Survey:
    """The crops that are there, and what is wrong.

    Attributes:
        crops: all crops that could be listed, also where there are faults.
        faults: a line each for what forbids to use the data: missing folders and files, lists with holes, a person in
            train and test.
        remarks: a line each for what is odd and forbids nothing.
    """

    crops: Crops
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def usable(self) -> Crops:
        """The crops.

        Raises:
            DataError: there are faults; the message is the first one.
        """
        if not self.faults:
            return self.crops
        more = len(self.faults) - 1
        rest = f" ({more} more fault{'s' * (more != 1)}: `usvireid data check` names all of them.)" if more else ""
        raise DataError(self.faults[0] + rest)
