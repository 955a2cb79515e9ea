"""The numbers that D²-Net's paper prints: tables I to IX."""

from __future__ import annotations

BASELINES = ("HeMIS", "FDGF", "U-HVED", "KD-Net", "CRNet", "ACNet")
Published = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
SUBSETS = (
    "T2",
    "T1ce",
    "T1",
    "FLAIR",
    "T1ce T2",
    "T1 T1ce",
    "T1 FLAIR",
    "T1 T2",
    "T2 FLAIR",
    "T1ce FLAIR",
    "T1 T1ce FLAIR",
    "T1 T2 FLAIR",
    "T1ce T2 FLAIR",
    "T1 T1ce T2",
    "all",
)


def _rows(text: str) -> tuple[tuple[str, ...], ...]:
    """A line a row: its name, two spaces, its cells."""
    made = []
    for line in text.strip().splitlines():
        name, _, cells = line.partition("  ")
        made.append((name, *cells.split()))
    return tuple(made)


ROBUSTNESS: Published = (
    ("method", *SUBSETS, "mean", "p"),
    _rows("""
HeMIS, WT  35.2 2.2 0.4 48.6 47.3 16.4 68.7 48.5 70.2 66.9 72.0 72.4 7.3 40.8 75.4 49.2 0.0001
FDGF, WT  63.4 40.7 10.8 63.2 61.9 35.5 82.4 65.3 85.7 82.2 87.1 79.6 84.2 69.3 85.3 66.4 0.0079
U-HVED, WT  74.2 50.9 35.2 76.9 80.6 60.1 85.1 75.0 83.0 87.1 86.2 87.5 87.2 79.6 88.3 75.8 0.0371
KD-Net, WT  31.1 38.9 39.6 29.8 48.7 52.2 49.0 49.1 40.4 48.5 59.1 54.4 54.6 58.5 62.7 47.8 0.0002
CRNet, WT  30.7 30.2 6.8 70.1 52.2 35.7 79.2 40.2 78.5 80.2 83.3 86.0 88.1 62.2 88.5 60.8 0.00001
ACNet, WT  28.9 41.3 46.4 38.2 49.8 58.6 58.3 55.3 44.7 50.9 63.4 62.5 56.3 64.8 67.6 52.5 0.0007
D²-Net, WT  76.3 42.8 15.5 84.2 84.1 62.1 87.3 80.1 87.9 87.5 87.7 88.4 88.8 80.9 88.8 76.2 –
HeMIS, TC  17.6 4.2 0.1 14.4 40.3 31.8 10.0 17.6 16.5 38.7 50.1 16.6 55.3 47.2 52.0 27.5 0.0003
FDGF, TC  34.2 35.7 10.4 26.6 56.2 53.7 23.9 36.3 30.1 56.2 61.5 33.3 66.1 68.5 78.5 44.7 0.0013
U-HVED, TC  52.4 63.7 30.2 44.2 75.8 72.3 53.8 59.2 61.1 75.3 70.0 58.2 76.6 77.2 78.0 63.2 0.0464
KD-Net, TC  30.1 29.6 27.9 25.6 44.3 39.5 38.6 43.3 39.6 41.9 48.6 51.2 48.5 51.5 56.2 41.1 0.0005
CRNet, TC  14.4 60.4 7.7 44.9 57.2 61.9 54.4 20.7 32.0 67.4 73.1 60.5 78.7 63.3 75.1 51.5 0.0060
ACNet, TC  30.7 35.8 32.1 34.1 51.2 47.7 45.8 47.3 47.2 45.1 52.3 56.4 56.6 59.0 61.7 46.9 0.0036
D²-Net, TC  56.7 65.1 16.8 47.3 80.3 78.2 61.6 63.2 62.6 80.8 80.9 63.7 80.7 79.0 80.1 66.5 –
HeMIS, ET  0.0 9.7 0.4 4.7 47.9 38.6 0.4 0.1 0.4 50.1 58.7 1.4 62.3 56.4 58.8 26.0 0.0021
FDGF, ET  15.2 30.8 6.2 13.2 55.9 49.0 8.8 13.2 16.0 61.5 64.8 11.6 65.4 61.3 60.2 35.5 0.0008
U-HVED, ET  22.4 61.8 14.0 13.1 63.6 60.0 10.4 15.7 12.6 63.2 60.7 16.9 62.7 66.4 67.2 40.7 0.0019
KD-Net, ET  35.0 27.3 25.3 19.4 47.2 35.7 33.1 46.2 42.5 35.2 41.9 49.7 52.0 52.6 55.8 39.9 0.0054
CRNet, ET  9.6 55.4 5.3 22.4 55.7 53.6 12.6 7.2 12.2 60.2 63.5 14.0 65.5 58.3 66.2 37.5 0.0413
ACNet, ET  34.2 28.9 26.7 26.5 47.4 38.8 36.6 45.6 46.6 36.5 42.9 52.5 53.1 53.8 56.6 41.8 0.0065
D²-Net, ET  16.0 66.3 8.1 8.1 68.7 70.7 9.5 16.5 17.4 64.8 65.7 19.4 66.4 68.3 68.4 42.3 –
"""),
)
"""Table I, Dice [%]."""

COMPONENTS: Published = (
    ("method", "WT", "TC", "ET", "mean"),
    (
        ("neither", "58.0 ± 20.3", "42.3 ± 23.4", "38.1 ± 25.5", "46.1 ± 22.7"),
        ("L_sc", "68.5 ± 23.4", "58.8 ± 20.9", "38.8 ± 28.9", "55.4 ± 20.8"),
        ("L_fc", "68.3 ± 22.9", "57.8 ± 20.3", "38.1 ± 28.1", "54.7 ± 19.5"),
        ("L_sc, L_fc", "72.9 ± 22.9", "65.5 ± 20.9", "42.2 ± 31.9", "60.2 ± 20.6"),
        ("L_kd_feature", "69.7 ± 22.5", "58.1 ± 25.0", "41.7 ± 31.5", "56.5 ± 22.2"),
        ("L_kd_logit", "71.7 ± 21.2", "59.6 ± 22.0", "40.5 ± 30.5", "57.3 ± 20.6"),
        ("L_kd_feature, L_kd_logit", "72.2 ± 25.8", "61.9 ± 22.9", "41.7 ± 31.6", "58.6 ± 21.7"),
        ("all four", "76.2 ± 20.2", "66.5 ± 16.9", "42.3 ± 27.1", "61.7 ± 17.5"),
    ),
)
"""Table II, Dice [%] ± standard deviation over the 15 choices."""

DICE = ("method", "WT", "TC", "ET", "mean")

SAMPLES: Published = (
    DICE,
    _rows("""
1 positive  76.7 66.7 42.6 62.0
2 positives  77.4 66.2 43.0 62.2
4 positives  76.9 66.4 43.6 62.3
8 positives  77.1 66.2 43.2 62.2
24 negatives  75.9 66.4 42.7 61.7
48 negatives  76.7 66.7 42.6 62.0
96 negatives  76.2 67.2 42.9 62.1
192 negatives  76.4 67.0 42.5 62.0
"""),
)
"""Table III, Dice [%]."""

PROJECTION: Published = (DICE, _rows("D²-Net w/o E_TM  75.8 65.9 41.8 61.2\nD²-Net  76.7 66.7 42.6 62.0"))
"""Table IV, Dice [%]."""

ALTERNATIVES: Published = (
    (*DICE, "p"),
    (
        ("MD: AE", "58.0 ± 24.2", "42.3 ± 23.6", "38.1 ± 28.8", "46.1 ± 22.2", "0.0008"),
        ("MD: GAN", "65.8 ± 25.0", "48.6 ± 19.8", "38.5 ± 33.5", "51.0 ± 24.7", "0.0036"),
        ("MD: ours", "72.9 ± 22.9", "65.5 ± 20.9", "42.2 ± 31.9", "60.2 ± 20.6", "–"),
        ("TD: Multi-KD", "71.6 ± 24.1", "54.6 ± 26.1", "41.4 ± 31.4", "55.9 ± 22.6", "0.0125"),
        ("TD: Dense-KD", "71.2 ± 17.7", "58.4 ± 21.0", "42.5 ± 32.2", "57.3 ± 20.6", "0.0423"),
        ("TD: ours", "72.2 ± 25.8", "61.9 ± 22.9", "41.7 ± 31.6", "58.6 ± 21.7", "–"),
    ),
)
"""Table V, Dice [%] ± standard deviation over the 15 choices."""

LAYERS: Published = (
    DICE,
    _rows("""
1  73.1 65.8 42.2 60.4
2  75.4 66.0 42.3 61.2
3  76.2 66.5 42.5 61.7
4  76.7 66.7 42.6 62.0
5  76.9 66.8 42.6 62.1
6  77.0 66.7 42.7 62.1
"""),
)
"""Table VI, Dice [%]."""

DISTANCES: Published = (
    ("method", "HD95 WT", "HD95 TC", "HD95 ET", "ASSD WT", "ASSD TC", "ASSD ET", "parameters [10⁶]", "FLOPs [10¹⁰]"),
    (
        ("HeMIS", "21.6 ± 10.4", "30.5 ± 17.5", "32.3 ± 16.9", "12.5 ± 6.2", "16.7 ± 6.5", "17.2 ± 8.4", "5.1", "2.8"),
        ("FDGF", "12.6 ± 7.5", "19.5 ± 8.4", "26.5 ± 14.1", "10.5 ± 5.3", "13.3 ± 5.6", "16.0 ± 7.5", "5.3", "4.0"),
        ("U-HVED", "11.2 ± 6.0", "11.4 ± 7.2", "22.0 ± 12.6", "9.1 ± 4.7", "11.1 ± 5.1", "14.6 ± 7.7", "5.9", "3.9"),
        ("KD-Net", "21.4 ± 2.6", "18.9 ± 6.5", "22.7 ± 10.5", "12.8 ± 5.4", "13.4 ± 5.3", "15.0 ± 6.9", "7.7", "3.0"),
        ("CRNet", "14.2 ± 8.0", "16.0 ± 7.8", "24.0 ± 13.3", "11.2 ± 5.6", "12.4 ± 5.0", "15.4 ± 7.8", "5.5", "4.5"),
        ("ACNet", "19.8 ± 3.0", "17.4 ± 6.0", "20.2 ± 9.3", "12.2 ± 5.1", "12.9 ± 4.7", "14.5 ± 6.5", "7.7", "3.2"),
        ("D²-Net", "9.9 ± 6.9", "10.3 ± 6.8", "18.4 ± 11.1", "8.2 ± 4.9", "10.3 ± 5.3", "13.7 ± 7.1", "5.1", "4.2"),
    ),
)
"""Table VII, mm ± standard deviation over the 15 choices."""

LEVELS: Published = (
    DICE,
    (
        ("the image", "73.3", "65.5", "42.0", "60.3"),
        ("maps of layer 1", "74.0", "65.9", "42.1", "60.7"),
        ("maps of layer 2", "74.2", "66.1", "42.4", "60.9"),
        ("maps of layer 3", "75.2", "66.6", "42.5", "61.4"),
        ("codes", "76.7", "66.7", "42.6", "62.0"),
    ),
)
"""Table VIII, Dice [%]."""

STUDENTS: Published = (DICE, _rows("1  76.7 66.7 42.6 62.0\n1/2  73.4 63.6 41.2 59.4\n1/4  70.8 60.1 40.5 57.1"))
"""Table IX, Dice [%]."""

_DATA = "BraTS 2018, three folds of 285 subjects, 95 tested in each."
_OVER = "±: standard deviation, over the 15 choices of modalities."
_ONE = "Spread not given. The full method averages 61.7 in Table II and 62.0 here."
ROBUSTNESS_NOTE = (
    f"Table I of the paper: Dice [%]; {_DATA} p, printed in hundredths, against D²-Net. HeMIS' WT of T1ce, T2 and "
    "FLAIR is printed as 7.3; with 73.0 the row would have the mean that is printed."
)
COMPONENTS_NOTE = (
    f"Table II of the paper: Dice [%]; {_DATA} {_OVER} The text also credits distillation alone with the numbers of "
    "all four."
)
SAMPLES_NOTE = f"Table III of the paper: Dice [%]; {_DATA} {_ONE}"
PROJECTION_NOTE = f"Table IV of the paper: Dice [%]; {_DATA} {_ONE}"
ALTERNATIVES_NOTE = (
    f"Table V of the paper: Dice [%]; {_DATA} {_OVER} p, printed in hundredths, against ours. AE has the means of "
    "Table II's row without contrast and distillation."
)
LAYERS_NOTE = f"Table VI of the paper: Dice [%]; {_DATA} {_ONE}"
DISTANCES_NOTE = (
    f"Table VII of the paper: mm; {_DATA} {_OVER} What an empty answer counts, what the operations are counted for and "
    "whether a multiplication with an addition is one or two is not said."
)
LEVELS_NOTE = f"Table VIII of the paper: Dice [%]; {_DATA} {_ONE}"
STUDENTS_NOTE = f"Table IX of the paper: Dice [%]; {_DATA} {_ONE}"
