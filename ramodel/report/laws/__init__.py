"""Figures of the laws: what each sweep found, theory against measurement."""

from ramodel.report.laws.registry import LAW_FIGURES, LawFigure

__all__ = ["LAW_FIGURES", "LawFigure"]
