"""Tables that show a number whole or not at all, however narrow the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

#: A column of running text gets no narrower than its longest word, up to this.
_LONGEST_WORD = 24


@dataclass(frozen=True)
class _Column:
    title: str
    justify: JustifyMethod
    rank: int
    folds: bool


@dataclass
class Grid:
    """A table that leaves columns out where there is no room, least important first.

    Where even the others do not fit, every row becomes a paragraph of its own.

    Attributes:
        caption: Text below, folded at words.
    """

    caption: str = ""
    _columns: list[_Column] = field(default_factory=list)
    _rows: list[tuple[list[Text], str]] = field(default_factory=list)

    def add_column(
        self, title: str, *, justify: JustifyMethod = "left", rank: int = 0, folds: bool = False
    ) -> None:
        """Add a column.

        Args:
            title: Heading.
            justify: Side that cells lie on.
            rank: 0 is always shown; of others the largest is left out first.
            folds: Running text, which may be broken between words.
        """
        self._columns.append(_Column(title, justify, rank, folds))

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        """Add a row; cells that are left out at its end are empty."""
        texts = [cell if isinstance(cell, Text) else Text(cell) for cell in cells]
        missing = len(self._columns) - len(texts)
        self._rows.append((texts + [Text("")] * missing, style))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Take what there is."""
        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what fits the console's width."""
        shown = list(range(len(self._columns)))
        while (room := self._room(shown, console, options)) < 0:
            ranks = [self._columns[i].rank for i in shown]
            if max(ranks) == 0:
                yield from self._paragraphs()
                return
            # Of equals the last.
            del shown[len(ranks) - 1 - ranks[::-1].index(max(ranks))]
        yield self._table(self._widths(shown, room))
        if self.caption:
            yield Text(self.caption, style="dim")

    def _room(self, shown: list[int], console: Console, options: ConsoleOptions) -> int:
        """Return the characters that are left beside the narrowest form of columns."""
        table = self._table({index: self._least_width(index) for index in shown})
        wide = options.update(max_width=10_000)
        return options.max_width - Measurement.get(console, wide, table).minimum

    def _widths(self, shown: list[int], room: int) -> dict[int, int]:
        """Return the width of every column: running text shares what is left."""
        widths = {index: self._least_width(index) for index in shown}
        growing = {i: self._widest(i) - widths[i] for i in shown if self._columns[i].folds}
        for index, wanted in sorted(growing.items(), key=lambda pair: pair[1]):
            share = min(max(wanted, 0), room // len(growing))
            widths[index] += share
            room -= share
            growing = {i: w for i, w in growing.items() if i != index}
        return widths

    def _table(self, widths: dict[int, int]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
        for index, width in widths.items():
            column = self._columns[index]
            table.add_column(
                column.title,
                justify=column.justify,
                no_wrap=not column.folds,
                overflow="fold",
                width=width,
            )
        for cells, style in self._rows:
            table.add_row(*(cells[index] for index in widths), style=style)
        return table

    def _least_width(self, index: int) -> int:
        """Return the fewest characters: of running text its longest word's."""
        if not self._columns[index].folds:
            return self._widest(index)
        words = (len(word) for text in self._texts(index) for word in text.plain.split())
        return min(_LONGEST_WORD, max(words, default=1))

    def _widest(self, index: int) -> int:
        lines = (line for text in self._texts(index) for line in text.plain.split("\n"))
        return max(map(cell_len, lines))

    def _texts(self, index: int) -> list[Text]:
        return [Text(self._columns[index].title), *(cells[index] for cells, _ in self._rows)]

    def _paragraphs(self) -> Iterator[Text]:
        for cells, style in self._rows:
            for place, (column, cell) in enumerate(zip(self._columns, cells, strict=True)):
                if cell.plain.strip():
                    indent = "  " if place else ""
                    yield Text.assemble(f"{indent}{column.title} ", cell, style=style)
            yield Text("")
        if self.caption:
            yield Text(self.caption, style="dim")
