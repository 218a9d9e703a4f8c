/* simulate/names: what people, towns, brands and goods are called. Brands are invented. */
#include <assert.h>
#include <stdio.h>

#include "base/hash.h"
#include "main/simulate/world.h"

static const struct {
    const char *text, *pinyin;
} surnames[] = {
    {"王", "wang"},  {"李", "li"},    {"张", "zhang"},    {"刘", "liu"},   {"陈", "chen"},  {"杨", "yang"},
    {"黄", "huang"}, {"赵", "zhao"},  {"吴", "wu"},       {"周", "zhou"},  {"徐", "xu"},    {"孙", "sun"},
    {"马", "ma"},    {"朱", "zhu"},   {"胡", "hu"},       {"郭", "guo"},   {"何", "he"},    {"林", "lin"},
    {"高", "gao"},   {"罗", "luo"},   {"郑", "zheng"},    {"梁", "liang"}, {"谢", "xie"},   {"宋", "song"},
    {"唐", "tang"},  {"许", "xu"},    {"韩", "han"},      {"邓", "deng"},  {"冯", "feng"},  {"曹", "cao"},
    {"彭", "peng"},  {"曾", "zeng"},  {"肖", "xiao"},     {"田", "tian"},  {"董", "dong"},  {"潘", "pan"},
    {"袁", "yuan"},  {"蔡", "cai"},   {"蒋", "jiang"},    {"余", "yu"},    {"于", "yu"},    {"杜", "du"},
    {"叶", "ye"},    {"程", "cheng"}, {"魏", "wei"},      {"苏", "su"},    {"吕", "lv"},    {"丁", "ding"},
    {"任", "ren"},   {"卢", "lu"},    {"姚", "yao"},      {"沈", "shen"},  {"钟", "zhong"}, {"姜", "jiang"},
    {"崔", "cui"},   {"谭", "tan"},   {"陆", "lu"},       {"范", "fan"},   {"汪", "wang"},  {"廖", "liao"},
    {"石", "shi"},   {"金", "jin"},   {"欧阳", "ouyang"},
};
#define SURNAMES (sizeof surnames / sizeof *surnames)

static const char *const given[2][48] = {
    {"芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "婷", "雪", "慧", "莹", "玲", "佳", "琳", "欣",
     "怡", "倩", "颖", "洁", "梅", "燕", "萍", "红", "玉", "兰", "晴", "雯", "瑶", "璐", "菲", "薇",
     "梦", "思", "雨", "诗", "涵", "妍", "彤", "宁", "悦", "琪", "晨", "露", "云", "月", "蕾", "岚"},
    {"伟", "强", "磊", "军", "洋", "勇", "杰", "涛", "明", "超", "刚", "平", "辉", "鹏", "华", "飞",
     "鑫", "波", "斌", "宇", "浩", "凯", "健", "俊", "帆", "帅", "旭", "宁", "龙", "林", "阳", "建",
     "志", "文", "嘉", "子", "泽", "轩", "博", "睿", "晨", "航", "毅", "峰", "亮", "康", "诚", "翔"},
};

const struct city sim_cities[CITIES] = {
    {"上海", 310104, "21"},  {"北京", 110105, "10"},  {"广州", 440106, "20"},  {"深圳", 440304, "755"},
    {"杭州", 330106, "571"}, {"成都", 510104, "28"},  {"武汉", 420106, "27"},  {"南京", 320106, "25"},
    {"苏州", 320508, "512"}, {"重庆", 500103, "23"},  {"西安", 610113, "29"},  {"天津", 120101, "22"},
    {"长沙", 430102, "731"}, {"郑州", 410105, "371"}, {"青岛", 370202, "532"}, {"宁波", 330203, "574"},
    {"合肥", 340104, "551"}, {"厦门", 350203, "592"}, {"福州", 350102, "591"}, {"昆明", 530102, "871"},
};

const struct category sim_categories[CATEGORIES] = {
    {"护肤",
     "美妆/护肤",
     70,
     5900,
     69900,
     1095,
     {"澄芯", "雪沐", "薇可诗", "本草纪", "Lumière"},
     {"保湿面霜", "精华液", "洁面乳", "防晒乳", "面膜"}},
    {"彩妆",
     "美妆/彩妆",
     85,
     3900,
     39900,
     1095,
     {"绯语", "玲珑", "Mira", "花间", "黛色"},
     {"口红", "粉底液", "眼影盘", "睫毛膏", "腮红"}},
    {"香水",
     "美妆/香水",
     160,
     19900,
     129900,
     1460,
     {"观夏里", "Nuit", "檀云", "野径", "Sól"},
     {"淡香水", "浓香水", "香氛蜡烛", "随身香", "车载香薰"}},
    {"个护",
     "美妆/个护",
     45,
     1500,
     12900,
     1095,
     {"沐言", "净白", "舒柔", "清朗", "发语"},
     {"洗发水", "沐浴露", "牙膏", "身体乳", "护手霜"}},
    {"奶粉",
     "母婴/奶粉",
     24,
     16800,
     39800,
     540,
     {"爱哺", "贝临", "Milka Bay", "初源", "牧歌"},
     {"婴儿奶粉1段", "婴儿奶粉2段", "幼儿奶粉3段", "儿童奶粉", "孕妇奶粉"}},
    {"纸尿裤",
     "母婴/纸尿裤",
     20,
     6900,
     19900,
     1095,
     {"云棉", "安睡", "宝舒", "小象", "Kumo"},
     {"纸尿裤S码", "纸尿裤M码", "纸尿裤L码", "拉拉裤XL码", "婴儿湿巾"}},
    {"辅食",
     "母婴/辅食",
     16,
     1900,
     8900,
     365,
     {"小米苗", "果芽", "贝临", "谷语", "Tiny"},
     {"米粉", "果泥", "磨牙饼干", "儿童面条", "肉松"}},
    {"玩具",
     "母婴/玩具",
     60,
     3900,
     29900,
     3650,
     {"木童", "拼拼", "奇乐", "Bobo", "星积"},
     {"积木", "绘本", "毛绒玩偶", "拼图", "滑板车"}},
    {"水果",
     "生鲜/水果",
     9,
     990,
     6900,
     7,
     {"果园里", "鲜时", "南岭", "橙意", "日晒"},
     {"苹果", "香蕉", "车厘子", "橙子", "蓝莓"}},
    {"蔬菜",
     "生鲜/蔬菜",
     8,
     390,
     2900,
     4,
     {"田间", "鲜时", "绿野", "晨露", "有机家"},
     {"西红柿", "青菜", "土豆", "菌菇拼盘", "玉米"}},
    {"肉禽蛋",
     "生鲜/肉禽蛋",
     11,
     1590,
     9900,
     10,
     {"牧场里", "鲜时", "黑土", "山里", "蛋语"},
     {"鸡蛋30枚", "牛腩", "鸡胸肉", "猪里脊", "三文鱼"}},
    {"零食",
     "食品/零食",
     18,
     690,
     8900,
     270,
     {"嘎嘣", "三只鹿", "小满", "茶点铺", "Nutto"},
     {"坚果礼盒", "薯片", "饼干", "牛肉干", "巧克力"}},
};

const char *const sim_platform_names[PLATFORMS] = {"腾讯", "抖音", "百度", "头条"};
const char *const sim_person_kind_names[4] = {"anonymous", "store", "online", "omni"};
const char *const sim_place_names[PLACES] = {"web", "app", "miniprogram", "store"};
const char *const sim_mail_hosts[] = {"qq.com", "163.com", "126.com", "outlook.com", "sina.com", "gmail.com"};

int sim_surname_count(void) { return (int)SURNAMES; }
int sim_given_count(int gender) {
    assert(gender == 0 || gender == 1);
    return 48;
}
int sim_mail_host_count(void) { return (int)(sizeof sim_mail_hosts / sizeof *sim_mail_hosts); }
const char *sim_surname_pinyin(const struct person *p) { return surnames[p->surname].pinyin; }

struct slice sim_person_name(const struct person *p, char out[NAME_BYTES]) {
    const char *second = p->given[1] == UINT8_MAX ? "" : given[p->gender][p->given[1]];
    int size = snprintf(out, NAME_BYTES, "%s%s%s", surnames[p->surname].text, given[p->gender][p->given[0]], second);
    assert(size > 0 && size < NAME_BYTES);
    return slice_of(out, (size_t)size);
}

struct slice sim_person_email(const struct person *p, char out[64]) {
    int size = snprintf(out, 64, "%s%u@%s", sim_surname_pinyin(p), 1000 + p->number * 7, sim_mail_hosts[p->mail_host]);
    assert(size > 0 && size < 64);
    return slice_of(out, (size_t)size);
}

uint64_t sim_person_phone(const struct person *p, int day) {
    return p->phone_old && day < p->phone_change_day ? p->phone_old : p->phones[0];
}

/* GB 11643-1999: 17 digits and a check character (ISO 7064, MOD 11-2). The sequence number is odd for men. */
struct slice sim_person_id_card(const struct person *p, char out[24]) {
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int64_t year;
    unsigned month, day, sum = 0;
    time_civil(p->birthday, &year, &month, &day);
    unsigned sequence = (unsigned)(hash_mix(p->number) % 499) * 2 + (p->gender ? 1 : 2);
    snprintf(out, 24, "%06d%04d%02u%02u%03u", sim_cities[p->city].region, (int)year, month, day, sequence);
    for (int i = 0; i < 17; i++)
        sum += (unsigned)(out[i] - '0') * (unsigned)weights[i];
    out[17] = "10X98765432"[sum % 11];
    out[18] = 0;
    return slice_of(out, 18);
}

struct slice sim_product_name(const struct product *product, char out[96]) {
    static const char *const sizes[4] = {"经典装", "家庭装", "礼盒", "新品"};
    const struct category *c = &sim_categories[product->category];
    int size = snprintf(out, 96, "%s %s %s", c->brands[product->brand], c->goods[product->good],
                        sizes[(product->brand + product->good) % 4]);
    assert(size > 0 && size < 96);
    return slice_of(out, (size_t)size);
}

const char *sim_store_district(int store) {
    static const char *const districts[] = {"徐汇", "国贸", "天河", "南山", "西湖", "锦江", "光谷", "新街口"};
    return districts[store % 8];
}
