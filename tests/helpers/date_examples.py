"""Texts with a date in them, and the ISO date that each means, by the title of the pattern that reads it."""

DATE_EXAMPLES = {
    "Sentinel-2 product: sensing time, before baseline and processing time": [
        ("S2A_MSIL2A_20180420T105031_N0500_R051_T31UFS_20230806T130540", "2018-04-20")
    ],
    "Sentinel-2 product until 2016: sensing time behind V": [
        ("S2A_OPER_PRD_MSIL1C_PDMC_20151231T020842_R008_V20151230T105153_20151230T105153", "2015-12-30")
    ],
    "Landsat product: acquired, then processed": [("LC08_L2SP_224078_20200518_20200820_02_T1_SR_B4", "2020-05-18")],
    "Landsat scene before Collections: path, row, year, day of year": [("LC82240782020139LGN00_B4", "2020-05-18")],
    "Earth Engine's Sentinel-2 image: sensing time, then a second time of the same product": [
        ("20151128T002653_20151130T102149_T56MNN", "2015-11-28"),
        ("20210501T150711_20210501T151139_T19LBD_B4", "2021-05-01"),
    ],
    "interval, separated days: its middle": [
        ("CB4_64_16D_STK_022024_2018-08-29_2018-09-13_EVI", "2018-09-05"),
        ("2021-05-01T00:00:00Z/2021-05-16T23:59:59Z", "2021-05-08"),
    ],
    "interval, eight digits: its middle": [
        ("NDVI_20210501_20210516", "2021-05-08"),
        ("S1A_IW_GRDH_1SDV_20210501T235958_20210502T000023_037692_047285_1A2B", "2021-05-01"),
        ("s1a-iw-grd-vh-20210501t053000-20210501t053025-037692-047285-002", "2021-05-01"),
    ],
    "interval, days of the year: its middle": [("NDVI_2021121_2021136", "2021-05-08")],
    "year, month and dekad: its middle": [
        ("NDVI_2021_03_dek1", "2021-03-05"),
        ("NDVI_2021-03-D2", "2021-03-15"),
        ("202103d3_NDVI", "2021-03-25"),
        ("NDVI_2021_03_decade_1", "2021-03-05"),
        ("ndvi.2021.03.dek.2", "2021-03-15"),
    ],
    "dekad, month and year: its middle": [("NDVI_D1_03_2021", "2021-03-05"), ("dek3_12_2020_NDVI", "2020-12-25")],
    "year and dekad of the year: its middle": [
        ("NDVI_2021_dek07", "2021-03-05"),
        ("ndvi_2021dk09", "2021-03-25"),
        ("NDVI_2021_D36", "2021-12-25"),
    ],
    "dekad of the year and year: its middle": [("NDVI_dek07_2021", "2021-03-05")],
    "year and ISO week: its Thursday": [
        ("NDVI_2021-W14", "2021-04-08"),
        ("2021w01_NDVI", "2021-01-07"),
        ("NDVI_2020_week_53", "2020-12-31"),
    ],
    "ISO week and year: its Thursday": [("NDVI_KW14_2021", "2021-04-08"), ("week_14_2021_NDVI", "2021-04-08")],
    "composite of 8 or 16 days, year and its number: its middle": [
        ("NDVI_8day_2021_13", "2021-04-11"),
        ("NDVI_16days_2021_02", "2021-01-25"),
    ],
    "year, month and its half: its middle": [("NDVI_2021-03a", "2021-03-08"), ("NDVI_2021_03_H2", "2021-03-23")],
    "day of the year and year": [("NDVI_doy065_2021", "2021-03-06")],
    "year and day of the year of NASA's products, and with a time behind them": [
        ("MOD13Q1.A2021113.h09v05", "2021-04-23"),
        ("NDVI_doy2021031_aid0001", "2021-01-31"),
        ("NDVI_doy2021031000000_aid0001", "2021-01-31"),
        ("HLS.L30.T10SFH.2021113T183919.v2.0.B04", "2021-04-23"),
    ],
    "year, and day of the year or month and dekad, which all names of a stack together decide": [
        ("NDVI_2021049", "2021-02-18"),
        ("NDVI_2021361", "2021-12-27"),
    ],
    "year and quarter: middle of its second month": [("NDVI_2021_Q2", "2021-05-15")],
    "year, month, day, separated, perhaps with a time, as STAC's datetime": [
        ("X2021.05.01_B4", "2021-05-01"),
        ("2021-05-01T10:15:59.024000Z", "2021-05-01"),
        ("B08_2021-05-01", "2021-05-01"),
        ("2021:05:01 10:15:59", "2021-05-01"),
    ],
    "year, month, day as eight digits, perhaps with a time": [
        ("NDVI_20210501", "2021-05-01"),
        ("X20210501.B4", "2021-05-01"),
        ("T20210501_B4", "2021-05-01"),
        ("d20210501_B4", "2021-05-01"),
        ("B4_X20210501", "2021-05-01"),
        ("date_20210501_B4", "2021-05-01"),
        ("T31UFS_20210501T105031_B8A_20m", "2021-05-01"),
        ("20210501_202106_12_2263_3B_AnalyticMS_SR", "2021-05-01"),
        ("LC08_224078_20210501", "2021-05-01"),
        ("S2B_31UFS_20210501_0_L2A", "2021-05-01"),
    ],
    "day, name of the month, year": [
        ("NDVI 1 May 2021", "2021-05-01"),
        ("NDVI 1 M\u00e4rz 2021", "2021-03-01"),
        ("NDVI_3_ao\u00fbt_2021", "2021-08-03"),
        ("NDVI 4 mar\u00e7o 2021", "2021-03-04"),
        ("5-enero-2021", "2021-01-05"),
    ],
    "year, name of the month, day": [("2021May01_NDVI", "2021-05-01")],
    "day, month, year with points": [("NDVI 05.06.2021", "2021-06-05")],
    "day and month, whose order is clear only from a number above 12, and year": [("NDVI_16-05-2021", "2021-05-16")],
    "year and day of year": [
        ("MOD13Q1.A2012273.h12v10.006.2015256070127_NDVI", "2012-09-29"),
        ("HLS.L30.T31UFS.2012273T103626.v2.0.B04", "2012-09-29"),
        ("MOD13Q1.061__250m_16_days_NDVI_doy2012273_aid0001", "2012-09-29"),
        ("SEN2L_B02_2012_273", "2012-09-29"),
    ],
    "interval of months, separated: its middle": [
        ("planet_medres_normalized_analytic_2020-06_2020-08_mosaic", "2020-07-17")
    ],
    "year and month, separated: middle of the month": [("B02_2017-11", "2017-11-15")],
    "name of the month and year: middle of the month": [("NDVI_May2021", "2021-05-15")],
    "year and name of the month: middle of the month": [("2021_May_NDVI", "2021-05-15")],
    "year and month as six digits: middle of the month": [("NDVI_202105", "2021-05-15")],
}
