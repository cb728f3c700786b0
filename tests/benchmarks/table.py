"""What a run found: rows for programs, tables for people."""

from pathlib import Path

import attrs
import msgspec
from rich.console import Console
from rich.table import Table

AIM = 1.3
"""Issue 2: within this times the sum of the floors of the parts, unbatched."""

Figures = dict[str, float | None]


@attrs.frozen
class Row:
    """One measurement. `ours` and `floor` are in the unit of its table; `figures` are its other columns."""

    table: str
    name: str
    ours: float | None
    floor: float | None
    figures: Figures = attrs.Factory(dict)
    parts: Figures = attrs.Factory(dict)
    """What the floor is the sum of."""
    aim: float | None = None
    """Of the ratio."""
    at_most: float | None = None
    """Aim of `ours` itself, where there is no ratio to aim at."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the floor."""
        return self.ours / self.floor if self.ours is not None and self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        if self.at_most is not None and self.ours is not None:
            return self.ours <= self.at_most
        return None if self.aim is None or self.ratio is None else self.ratio <= self.aim


def cheapest(rows: list[Row]) -> Row:
    """Of the same case measured several times the cheapest, beside the lowest of the floors.

    Neighbours on the machine only ever add to a figure; the lower one is nearer to the truth, on both sides.
    """
    best = min(rows, key=lambda row: row.ours or 0.0)
    lowest = min(rows, key=lambda row: row.floor or 0.0)
    notes = dict.fromkeys(row.note for row in rows if row.note)
    return attrs.evolve(best, floor=lowest.floor, parts=lowest.parts, note="; ".join(notes))


_HEADS = {
    "messages": ("One message from its sender to all its receivers", "CPU s / 1,000"),
    "deliveries": ("One conversation of many connected devices", "CPU µs / delivery"),
    "memory": ("Idle", "KiB each"),
    "tokens": ("Who calls: a token verified, its document held", "CPU µs"),
    "edge": ("The edge besides server and signature, handler aside", "CPU µs"),
    "mls": ("MLS bytes: read, checked, a group followed", "CPU µs"),
    "floors": ("Floors: the parts alone", "CPU µs"),
}


def show(rows: list[Row], machine: dict[str, str], console: Console) -> None:
    """The tables, one below the other."""
    for name, (title, unit) in _HEADS.items():
        chosen = [row for row in rows if row.table == name]
        if chosen:
            console.print(_table(chosen, title, unit))
            for row in chosen:
                if row.parts:
                    console.print(f"  [dim]{row.name}: floor = {_sum(row.parts)}[/dim]", highlight=False)
            for row in chosen:
                if row.note:
                    console.print(f"  [yellow]{row.name}: {row.note}[/yellow]", highlight=False)
            console.print()
    console.print("[dim]" + ", ".join(f"{key} {value}" for key, value in machine.items()) + "[/dim]")


def _table(rows: list[Row], title: str, unit: str) -> Table:
    columns = list(dict.fromkeys(column for row in rows for column in row.figures))
    beside_floor = any(row.floor is not None for row in rows)
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column(unit, justify="right")
    aimed = beside_floor or any(row.met is not None for row in rows)
    heads = ("floor", "ratio") if beside_floor else ()
    for head in (*heads, "aim") if aimed else ():
        table.add_column(head, justify="right")
    for row in rows:
        cells = [row.name, *(_number(row.figures.get(column)) for column in columns), _number(row.ours)]
        if beside_floor:
            cells += [_number(row.floor), _ratio(row)]
        if aimed:
            cells.append(_aim(row))
        table.add_row(*cells)
    return table


def _sum(parts: Figures) -> str:
    return " + ".join(f"{name} {_number(value)}" for name, value in parts.items())


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _aim(row: Row) -> str:
    aim = row.aim if row.at_most is None else row.at_most
    match row.met:
        case None:
            return ""
        case True:
            return f"[green]≤ {aim:g} met[/green]"
        case False:
            return f"[red]≤ {aim:g} missed[/red]"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def write_json(rows: list[Row], machine: dict[str, str], path: Path) -> None:
    """The same for programs: what was measured, its floor, the ratio and whether the aim is met."""
    content = {
        "machine": machine,
        "rows": [{**attrs.asdict(row), "ratio": row.ratio, "met": row.met} for row in rows],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
