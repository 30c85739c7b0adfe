"""What each figure means, and what it does not, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEANINGS", "Meaning"]


@dataclass(frozen=True)
class Meaning:
    """How a figure is shown.

    Attributes:
        label: Its name for people.
        form: How its numbers are written.
        means: What it says.
        caveat: What it does not say.
    """

    label: str
    form: str
    means: str
    caveat: str


MEANINGS = {
    "fidelity.shape_error": Meaning(
        "Shape error",
        ".2%",
        "Mean distance between the real and the synthetic distribution of a column (Kolmogorov-Smirnov for "
        "numbers, total variation for categories), as SDMetrics' Column Shapes counts it. 0 % = the same.",
        "Looks at one column at a time: a table of columns that know nothing of each other passes.",
    ),
    "fidelity.trend_error": Meaning(
        "Trend error",
        ".2%",
        "Mean difference in how pairs of columns go together (correlations for numbers, contingency tables "
        "else), as SDMetrics' Column Pair Trends counts it. 0 % = the same.",
        "Looks at two columns at a time, and at numbers by straight lines or ten bins.",
    ),
    "fidelity.detection_auc": Meaning(
        "Detector's ROC AUC",
        ".3f",
        "How well 200 boosted trees tell a synthetic row from a real one, on rows they did not see "
        "(3 folds). 0.5 = cannot tell, 1 = always can. The strictest figure: it looks at whole rows.",
        "A single artefact, such as a number of decimals, is enough for an AUC near 1. See the columns that "
        "give the rows away before giving up on the data.",
    ),
    "fidelity.detection_auc_logistic": Meaning(
        "Linear detector's ROC AUC",
        ".3f",
        "The same question asked of a logistic regression on one-hot, standardised columns.",
        "Blind to whatever is not a shift of a column: columns without any connection pass.",
    ),
    "fidelity.alpha_precision": Meaning(
        "Alpha-precision",
        ".3f",
        "Whether synthetic rows are as typical as real ones: neither all in the middle nor outside "
        "(Alaa et al. 2022). 1 = as real rows are.",
        "Judged by one ball around the middle of standardised, one-hot columns; coarse for many clusters.",
    ),
    "fidelity.beta_recall": Meaning(
        "Beta-recall",
        ".3f",
        "Whether all kinds of real rows are represented: how often a real row has a synthetic neighbour "
        "within reach of its nearest real one (Alaa et al. 2022).",
        "Fresh real rows get about 0.5, not 1: compare with those. Far above them hints at copies.",
    ),
    "utility.trained_on_real": Meaning(
        "Trained on real",
        ".3f",
        "The score of boosted trees on held-out real rows after learning from all real rows.",
        "One kind of model with its defaults, one target.",
    ),
    "utility.trained_on_synthetic": Meaning(
        "Trained on synthetic",
        ".3f",
        "The same after learning from synthetic rows alone; beside it, from as many real rows.",
        "A model that learns well from synthetic rows may still learn a minority worse.",
    ),
    "utility.trained_on_both": Meaning(
        "Trained on both",
        ".3f",
        "The same after learning from all real and all synthetic rows; beside it, from all real rows.",
        "More rows of the same information seldom help a model that has enough of them.",
    ),
    "privacy.exact_copies": Meaning(
        "Exact copies",
        ".2%",
        "Share of synthetic rows that equal a training row in every compared cell; beside it, how many "
        "unseen real rows do, for common rows come up twice.",
        "Says nothing of rows that differ in one decimal.",
    ),
    "privacy.dcr_share": Meaning(
        "Nearer to training rows",
        ".1%",
        "Share of synthetic rows whose nearest training row is nearer than their nearest unseen row; ties "
        "count half, both sides have as many rows and no copies of each other. 50 % = no favour.",
        "An average: a few copied rows among many good ones hardly move it. Of the training rows only as "
        "many as there are unseen ones are looked at, so a small holdout hides copies. See the attack.",
    ),
    "privacy.nndr": Meaning(
        "Nearest neighbour ratio",
        ".3f",
        "Median distance of a synthetic row to its nearest training row over that to the second nearest. "
        "Low = close to one person alone; compare with unseen real rows.",
        "Also low where real rows are sparse, and high for rows that look like nobody.",
    ),
    "privacy.membership_auc": Meaning(
        "Membership attack's ROC AUC",
        ".3f",
        "How well an attacker who has the synthetic rows and reference rows of the same population tells "
        "training rows from unseen ones by closeness. 0.5 = a coin.",
        "One attack of many; a stronger one, or one aimed at outliers, may find more. Not a guarantee as "
        "differential privacy is.",
    ),
}
