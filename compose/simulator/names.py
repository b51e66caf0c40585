"""Words that the made-up rows are made of. All Chinese here can be written in GBK."""

from __future__ import annotations

from typing import Final

RAW: Final = (
    ("医用不锈钢丝", 5),
    ("聚丙烯粒料", 3),
    ("医用硅胶", 3),
    ("环氧乙烷", 9),
    ("镍钛合金丝", 5),
    ("聚碳酸酯粒料", 3),
    ("无水乙醇", 9),
    ("PVC软管", 5),
)
COMPONENTS: Final = (
    "主控电路板",
    "锂电池组",
    "液晶显示屏",
    "密封圈",
    "步进电机",
    "压力传感器",
    "血氧探头",
    "外壳组件",
    "电源适配器",
    "按键板",
    "针座",
    "过滤膜",
)
PRODUCTS: Final = (
    "输液泵",
    "注射泵",
    "多参数监护仪",
    "便携式超声诊断仪",
    "血糖仪",
    "心电图机",
    "除颤监护仪",
    "呼吸机",
    "电子血压计",
    "输血加温仪",
)
CONSUMABLES: Final = (
    "一次性使用无菌注射器",
    "一次性使用输液器",
    "留置针",
    "医用外科口罩",
    "血糖试纸",
    "造影导管",
    "引流袋",
    "麻醉面罩",
)
PLACES: Final = ("北京", "上海", "苏州", "深圳", "武汉", "成都", "天津", "杭州", "重庆", "西安", "沈阳", "长沙")
HOSPITALS: Final = (
    "市第一人民医院",
    "市中心医院",
    "医科大学附属医院",
    "市妇幼保健院",
    "医疗器械有限公司",
    "医药股份有限公司",
)
MAKERS: Final = ("精密机械厂", "电子科技有限公司", "高分子材料有限公司", "包装材料有限公司", "金属制品有限公司")
SURNAMES: Final = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙")
GIVEN: Final = ("伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "娟")
# What users wrote into the same column over the years.
COUNTRIES: Final = ("中国", "中国", "CN", "CHN", "cn ", "德国", "DE", "美国", "USA", "us", "日本", "JP", None, "")
NOTHING: Final = (None, "", "-", "/", "无", "N/A")
STATIONS: Final = ("ASSY-01", "ASSY-02", "BURN-IN", "CAL-01", "CAL-02", "FQC-01", "FQC-02")
LINES: Final = ("L1", "L2", "L3", "CLEAN-A", "CLEAN-B")

# t_MeasureUnit: FItemID, FNumber, FName, FCoefficient in its group's first unit.
UNITS: Final = (
    (1, 1, "EA", "个", "1"),
    (2, 1, "BOX", "盒", "10"),
    (3, 2, "KG", "千克", "1"),
    (4, 2, "G", "克", "0.001"),
    (5, 3, "M", "米", "1"),
    (6, 3, "CM", "厘米", "0.01"),
    (7, 3, "MM", "毫米", "0.001"),
    (8, 3, "IN", "英寸", "0.0254"),
    (9, 4, "L", "升", "1"),
    (10, 4, "ML", "毫升", "0.001"),
    (11, 1, "PCS", "PCS", "1"),
    (12, 2, "KG2", "kg", "1"),
    (13, 3, "MM2", "㎜", "0.001"),
    (14, 1, "EA2", "ea", "1"),
    (15, 1, "CTN", "箱", "200"),
    (99, 9, "PALLET", "托", "1"),
)
PIECE, BOX, KILOGRAM, CARTON, PALLET, NO_UNIT = 1, 2, 3, 15, 99, 9999
# Units in which a quantity is entered, by the material's base unit.
ENTERED_IN: Final = {1: (1, 1, 1, 11, 14), 3: (3, 4, 12), 5: (5, 6, 7, 8, 13), 9: (9, 10)}

STOCKS: Final = (
    (1, "01.01", "原材料仓"),
    (2, "01.02", "半成品仓"),
    (3, "02.01", "成品仓"),
    (4, "02.02", "待检仓"),
    (5, "03.01", "不合格品仓"),
    (6, "02.03", "灭菌待验区"),
    (7, "04.01", "包装材料仓"),
    (8, "02.04", "上海分仓"),
    (9, "02.05", "成都分仓"),
    (10, "05.01", "售后备件仓"),
)
RAW_STOCK, PART_STOCK, GOODS_STOCK = 1, 2, 3

# How the shop floor writes yes and no.
YES: Final = ("Y", "T", "1", "是", "y ")
NO: Final = ("N", "F", "0", "否", "", None)
# What complaints are about: IMDRF annex A, or the FDA's number for it.
PROBLEMS: Final = ("A02", "A04", "A07", "A09", "A11", "A14", "a18 ", "A21", "A0101", "1546", "2682", "2993")
IMPACTS: Final = ("F26", "F26", "F26", "F24", "F11", "F12")
COMPLAINTS: Final = ("报警停机", "流量偏差", "显示屏不亮", "包装破损", "标签模糊", "电池充不进电")
