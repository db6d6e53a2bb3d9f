// Prices orders: a list of articles, and five percent off from 100.00 on.
extern "C" {
#include "guest.h"
}

namespace {

struct Line {
  Bytes article;
  uint32_t quantity;
};
struct Lines {
  const Line* data;
  size_t size;
};
struct Quote {
  uint64_t subtotal, discount, total;
};
// result<quote, string>
struct Priced {
  uint8_t failed;
  union {
    Quote quote;
    Bytes reason;
  };
};

struct Article {
  const char* name;
  uint64_t cents;
};
constexpr Article kArticles[] = {
    {"bread", 320}, {"butter", 279}, {"honey", 850}, {"tea", 495}, {"lamp", 8900}};
constexpr uint64_t kDiscountFromCents = 10'000;
constexpr uint64_t kDiscountPercent = 5;
constexpr uint32_t kMostOfOne = 1000;

bool is(Bytes text, const char* name) {
  size_t length = 0;
  while (name[length] != '\0') ++length;
  if (text.size != length) return false;
  for (size_t at = 0; at < length; ++at)
    if (text.data[at] != name[at]) return false;
  return true;
}

const Article* find(Bytes name) {
  for (const Article& article : kArticles)
    if (is(name, article.name)) return &article;
  return nullptr;
}

template <size_t N>
void refuse(Priced& out, const char (&reason)[N]) {
  out.failed = 1;
  out.reason.data = reason;
  out.reason.size = N - 1;
}

void price(const Line* lines, size_t count, Priced& out) {
  out = {};
  if (count == 0) return refuse(out, "an order needs at least one line");
  uint64_t subtotal = 0;
  for (size_t at = 0; at < count; ++at) {
    const Article* article = find(lines[at].article);
    if (article == nullptr) return refuse(out, "there is no such article: bread, butter, honey, tea, lamp");
    if (lines[at].quantity == 0 || lines[at].quantity > kMostOfOne)
      return refuse(out, "a quantity is from 1 to 1000");
    subtotal += article->cents * lines[at].quantity;
  }
  const uint64_t discount = subtotal >= kDiscountFromCents ? subtotal * kDiscountPercent / 100 : 0;
  out.quote = {subtotal, discount, subtotal - discount};
}

}  // namespace

extern "C" {
EXPORT("shop:pricing/prices@1.0.0#price") Priced* price_lines(const Line* lines, size_t count) {
  static Priced priced;
  price(lines, count, priced);
  return &priced;
}

EXPORT("cabi_post_shop:pricing/prices@1.0.0#price") void after_price(Priced*) {
  guest_release_all();
}
}
