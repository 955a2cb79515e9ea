"""The numbers that HiFi-Syn's paper prints: tables 1, 2, 3 and 5."""

from __future__ import annotations

BASELINES = (
    "CycleGAN",
    "GC-CycleGAN",
    "SC-CycleGAN",
    "COSMOS",
    "AttentionGAN",
    "MUNIT",
    "DRIT++",
    "RegGAN",
    "UVCGAN",
    "StarGAN-v2",
    "MGUIT",
    "InstaFormer",
)
Published = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def _rows(text: str, together: int) -> tuple[tuple[str, ...], ...]:
    """A line a row, first its name; an indented line goes on with the one above; `together` numbers are one cell."""
    rows = []
    for line in text.strip().replace("\n ", " ").splitlines():
        name, *numbers = line.split()
        cells = zip(*(numbers[k::together] for k in range(together)), strict=True)
        rows.append((name, *(" / ".join(cell) for cell in cells)))
    return tuple(rows)


HEALTHY: Published = (
    (
        "method",
        "IXI T1 → T2",
        "IXI T2 → T1",
        "IXI mean",
        "IXI p",
        "UKB T1 → FLAIR",
        "UKB FLAIR → T1",
        "UKB mean",
        "UKB p",
    ),
    _rows(
        """
CycleGAN 19.7149 0.7739 20.3284 0.7862 20.0217 0.7801 6e-72 9e-65
  21.8037 0.7404 22.2846 0.7718 22.0442 0.7561 4e-48 2e-50
GC-CycleGAN 19.7751 0.7762 20.3541 0.7914 20.0646 0.7838 1e-45 2e-46
  21.8138 0.7527 22.4855 0.7864 22.1497 0.7696 6e-29 1e-42
SC-CycleGAN 20.6816 0.7852 20.4581 0.8003 20.5699 0.7928 4e-77 7e-20
  22.0411 0.7648 22.5284 0.7903 22.2848 0.7776 1e-36 5e-29
COSMOS 20.7713 0.7909 20.8709 0.8122 20.8211 0.8016 4e-42 8e-46
  21.7288 0.7571 22.9679 0.7976 22.3484 0.7774 3e-42 8e-52
AttentionGAN 21.8861 0.8027 21.4457 0.8173 21.6659 0.8100 8e-56 8e-53
  22.3332 0.7798 23.4061 0.8103 22.8697 0.7951 4e-56 4e-36
MUNIT 20.9800 0.7833 21.7122 0.8024 21.3461 0.7929 4e-30 9e-21
  22.3803 0.8074 23.4913 0.8106 22.9358 0.8090 9e-70 3e-46
DRIT++ 22.3210 0.8050 22.2411 0.7722 22.2810 0.7886 6e-31 2e-12
  22.4867 0.8115 23.3427 0.8261 22.9147 0.8188 2e-57 8e-62
RegGAN 21.3543 0.7937 21.8756 0.8144 21.6150 0.8041 3e-25 6e-41
  22.9104 0.8133 23.6335 0.8194 23.2720 0.8164 4e-40 3e-37
UVCGAN 22.0915 0.8048 22.1106 0.8193 22.1011 0.8121 5e-37 9e-30
  23.1032 0.8209 23.8974 0.8245 23.5003 0.8227 4e-34 1e-21
StarGAN-v2 22.1558 0.7975 22.5482 0.8131 22.8520 0.8053 8e-24 5e-42
  22.9423 0.8158 23.7714 0.8305 23.3569 0.8232 4e-12 1e-24
MGUIT 24.3749 0.7949 23.2653 0.8231 23.8201 0.8090 7e-21 4e-64
  23.2816 0.8279 24.5478 0.8351 23.9147 0.8315 8e-13 5e-14
InstaFormer 22.3974 0.8108 22.8315 0.8259 22.6145 0.8184 9e-18 1e-10
  23.1576 0.8290 25.0543 0.8372 24.1060 0.8331 1e-25 6e-4
HiFi-Syn 23.8376 0.8240 24.1751 0.8371 24.0064 0.8306 – – 23.3611 0.8337 24.9759 0.8459 24.1685 0.8398 – –
""",
        2,
    ),
)
"""Table 1, PSNR [dB] / SSIM."""

TUMOUR: Published = (
    (
        "method",
        "T1 → T2",
        "T2 → T1",
        "T1 → T1ce",
        "T1ce → T1",
        "T1 → FLAIR",
        "FLAIR → T1",
        "mean",
        "p",
    ),
    _rows(
        """
CycleGAN 16.4163 0.7701 18.8426 0.7835 22.3416 0.7952 23.9831 0.8130
  16.3494 0.7458 20.4216 0.7878 19.7258 0.7826 7e-20 3e-48
GC-CycleGAN 16.7513 0.7768 18.9146 0.7894 22.3140 0.7943 23.8754 0.8114
  16.4155 0.7512 20.4481 0.7910 19.7865 0.7857 6e-16 6e-35
SC-CycleGAN 16.8314 0.7801 19.1136 0.7914 22.8474 0.8005 24.1542 0.8155
  16.7621 0.7548 20.5253 0.7934 20.0390 0.7893 8e-27 2e-61
COSMOS 18.0308 0.7942 20.3238 0.8049 22.9407 0.8118 24.0575 0.8220
  17.0313 0.7671 21.3072 0.8029 20.6152 0.8005 1e-35 3e-43
AttentionGAN 19.6376 0.8065 21.1903 0.8151 23.1510 0.8164 24.7227 0.8386
  18.4009 0.7742 22.2693 0.8126 21.5620 0.8106 6e-27 2e-13
MUNIT 20.3364 0.8167 19.5421 0.8058 22.0965 0.7531 23.6318 0.7736
  21.6752 0.7670 20.6847 0.7569 21.3278 0.7789 2e-15 7e-28
DRIT++ 22.3565 0.8580 24.9558 0.8790 19.0562 0.7914 26.0656 0.8758
  18.9193 0.7709 24.4028 0.8614 22.6260 0.8394 9e-15 6e-34
RegGAN 20.8603 0.8283 22.1322 0.8399 21.3708 0.8175 23.2852 0.8447
  19.3169 0.7713 21.5751 0.8147 21.4234 0.8194 2e-36 3e-47
UVCGAN 21.862 0.8335 22.6261 0.8436 22.1844 0.8242 23.3948 0.8553
  19.8276 0.7756 22.2807 0.8215 22.0293 0.8256 1e-28 9e-21
StarGAN-v2 21.3841 0.7704 21.9111 0.7821 21.9245 0.8294 23.1861 0.8464
  19.1493 0.7592 21.4930 0.7736 21.5080 0.7935 6e-37 3e-39
MGUIT 21.9644 0.8775 25.6549 0.8922 18.9326 0.8180 26.1800 0.8765
  19.4815 0.7772 23.2653 0.8231 22.5798 0.8441 9e-51 4e-32
InstaFormer 22.0187 0.8793 25.7539 0.8916 22.1915 0.8204 24.9027 0.8672
  20.2528 0.7864 24.7532 0.8671 23.3121 0.8520 8e-26 5e-17
HiFi-Syn 23.4402 0.8941 25.7228 0.9078 25.6167 0.8551 26.8424 0.8973 21.3512 0.8061 26.0135 0.8836 24.8311 0.8740 – –
""",
        2,
    ),
)
"""Table 2, PSNR [dB] / SSIM."""

TISSUE: Published = (
    ("method", "GM Dice [%]", "GM VS [%]", "WM Dice [%]", "WM VS [%]"),
    _rows(
        """
CycleGAN 85.5 95.7 85.9 95.7
GC-CycleGAN 85.7 95.9 86.1 89.2
SC-CycleGAN 86.1 96.3 86.4 89.6
COSMOS 86.3 96.4 86.5 89.8
AttentionGAN 85.2 95.2 85.4 93.5
MUNIT 86.4 96.7 87.0 96.1
DRIT++ 87.3 94.1 88.3 96.6
RegGAN 86.1 96.5 86.8 95.9
UVCGAN 86.9 97.0 87.0 96.6
StarGAN-v2 86.2 95.5 84.9 96.2
MGUIT 89.2 97.2 87.5 97.0
InstaFormer 89.3 96.6 88.6 97.1
HiFi-Syn 89.9 97.5 90.3 98.3
""",
        1,
    ),
)
"""Table 3; VS: volumetric similarity."""

ABLATION: Published = (
    ("method", "T1 → T2 PSNR [dB]", "SSIM", "T2 → T1 PSNR [dB]", "SSIM"),
    (
        ("baseline", "22.1485", "0.7950", "22.3672", "0.8093"),
        ("PGD, no annotation map (i)", "22.1682", "0.8041", "22.6818", "0.8164"),
        ("PGD, no memory bank (ii)", "22.5184", "0.8063", "22.7679", "0.8185"),
        ("PGD", "23.4156", "0.8174", "23.4603", "0.8279"),
        ("PGD + SGD", "23.8073", "0.8212", "23.6274", "0.8347"),
        ("PGD + SGD + GGD", "23.8376", "0.8240", "24.1751", "0.8371"),
    ),
)
"""Table 5."""

HEALTHY_NOTE = (
    "Table 1 of the paper: PSNR [dB] / SSIM; IXI with 20, UK Biobank with 30 test subjects; spread not given; p "
    "against HiFi-Syn. Twenty subjects can give no two-sided p below 2e-6: slices must have been the cases. The mean "
    "PSNR printed for StarGAN-v2 on IXI, 22.8520, is not that of its two directions, 22.3520. UKB's columns are headed "
    "T1 → T2 in the paper; by its text they are T1 and FLAIR."
)
TUMOUR_NOTE = (
    "Table 2 of the paper: PSNR [dB] / SSIM; BraTS 2018 with 30 test subjects; spread not given; p against HiFi-Syn. "
    "Thirty subjects can give no two-sided p below 2e-9, so slices must have been the cases."
)
TISSUE_NOTE = (
    "Table 3 of the paper: IXI, FSL FAST on the synthetic and on the real T1 of 20 test subjects; spread not given."
)
ABLATION_NOTE = "Table 5 of the paper: IXI, 20 test subjects; neither spread nor p given."
