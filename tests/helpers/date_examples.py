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
    "year, month, day, separated, perhaps with a time, as STAC's datetime": [
        ("2021-05-01T10:15:59.024000Z", "2021-05-01"),
        ("B08_2021-05-01", "2021-05-01"),
        ("2021:05:01 10:15:59", "2021-05-01"),
    ],
    "year, month, day as eight digits, perhaps with a time": [
        ("NDVI_20210501", "2021-05-01"),
        ("T31UFS_20210501T105031_B8A_20m", "2021-05-01"),
        ("20210501_202106_12_2263_3B_AnalyticMS_SR", "2021-05-01"),
        ("LC08_224078_20210501", "2021-05-01"),
        ("S2B_31UFS_20210501_0_L2A", "2021-05-01"),
    ],
    "day, name of the month, year": [("NDVI 1 May 2021", "2021-05-01")],
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
