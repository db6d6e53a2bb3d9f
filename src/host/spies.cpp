#include "host/spies.h"

#include <algorithm>

#include "lattice/names.h"

namespace wattle::host {
namespace {

constexpr size_t kPartBytesMax = 200;

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

// At most so many bytes of it, and no part of a character.
std::string cut(std::string text) {
  if (text.size() <= SpyGlass::kTextBytesMax) return text;
  size_t end = SpyGlass::kTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

}  // namespace

std::string spied_text(std::string_view text) {
  if (text.size() > kPartBytesMax || !is_plain(text)) return fmt::format("<{} bytes>", text.size());
  return fmt::format("\"{}\"", text);
}

Result<std::unique_ptr<SpyBook>> SpyBook::start(lattice::Bus& bus, std::string_view lattice,
                                                const telemetry::Log& log,
                                                std::function<void(std::shared_ptr<const SpyTable>)> tell,
                                                Duration patience) {
  std::unique_ptr<SpyBook> book(new SpyBook(log, std::move(tell), patience));
  WATTLE_TRY(book->subscription_, bus.subscribe(lattice::spy_subject(lattice), {},
                                                [self = book.get()](const lattice::Message& message) {
                                                  self->hear(message.payload);
                                                }));
  book->fiber_ = bus.worker().spawn([self = book.get()] { self->forget(); });
  return book;
}

SpyBook::~SpyBook() {
  subscription_.reset();
  if (fiber_ == nullptr) return;
  fiber_->cancel();
  const async::MaskScope mask;
  while (!fiber_->finished()) async::Fiber::current().yield();
}

// What is no request, or one too many, is left alone: nobody waits for an answer.
void SpyBook::hear(std::string_view payload) {
  auto request = lattice::parse_spy_request(payload);
  if (!request) return;
  Key key{std::move(request->id), std::move(request->to)};
  const bool known = until_.contains(key);
  if (!known && until_.size() >= kSpiesMax) {
    if (!std::exchange(is_full_, true))
      log_.warn("too many look at calls, and the latest sees none", {{"at most", std::to_string(kSpiesMax)}});
    return;
  }
  if (!known) log_.info("somebody looks at calls", {{"of", key.first}});
  until_[std::move(key)] = Clock::now() + patience_;
  if (known) return;
  tell_all();
  changed_.notify();
}

void SpyBook::forget() {
  async::Signal* const signals[] = {&changed_};
  for (;;) {
    TimePoint next = kNever;
    for (const auto& [key, until] : until_) next = std::min(next, until);
    if (!async::Signal::wait_any(signals, next)) return;
    const TimePoint now = Clock::now();
    const auto is_over = [&](const auto& spy) {
      if (spy.second > now) return false;
      log_.info("somebody looks at calls no more", {{"of", spy.first.first}});
      return true;
    };
    if (std::erase_if(until_, is_over) == 0) continue;
    is_full_ = false;
    tell_all();
  }
}

void SpyBook::tell_all() {
  if (until_.empty()) return tell_(nullptr);
  auto table = std::make_shared<SpyTable>();
  for (const auto& [key, until] : until_) table->emplace(key.first, key.second);
  tell_(std::move(table));
}

std::unique_ptr<Sighting> SpyGlass::look_closely(std::string_view source, std::string_view target,
                                                 std::string_view interface, std::string_view function) {
  std::vector<std::string> inboxes;
  for (const std::string_view who : {source, target}) {
    const auto [first, last] = table_->equal_range(who);
    for (auto spy = first; spy != last; ++spy)
      if (std::find(inboxes.begin(), inboxes.end(), spy->second) == inboxes.end())
        inboxes.push_back(spy->second);
  }
  if (inboxes.empty() || bus_ == nullptr) return nullptr;
  if (!has_room(1) || seen_in_second_ >= kPerSecondMax) {
    ++left_out_;
    return nullptr;
  }
  ++seen_in_second_;
  lattice::SpiedCall call{.host_id = host_id_,
                          .source = std::string(source),
                          .target = std::string(target),
                          .interface = std::string(interface),
                          .function = std::string(lattice::wire_function(function))};
  return std::make_unique<Sighting>(*this, std::move(inboxes), std::move(call));
}

bool SpyGlass::has_room(size_t bytes) {
  const TimePoint now = Clock::now();
  if (now - second_begun_ >= std::chrono::seconds(1)) {
    second_begun_ = now;
    seen_in_second_ = 0;
    bytes_in_second_ = 0;
  }
  return bytes_in_second_ + bytes <= kBytesPerSecondMax;
}

// Calls do not wait for those who look at them, nor for the bus.
void SpyGlass::send(const std::vector<std::string>& inboxes, lattice::SpiedCall call) {
  if (bus_ == nullptr || !bus_->connected()) return;
  call.left_out = left_out_;
  const std::string text = lattice::to_json(call);
  const size_t bytes = text.size() * inboxes.size();
  ++left_out_;
  if (!has_room(bytes)) return;
  bytes_in_second_ += bytes;
  bool sent = true;
  for (const std::string& inbox : inboxes) sent = bus_->publish(inbox, text).has_value() && sent;
  if (sent) left_out_ = 0;
}

Sighting::~Sighting() {
  call_.microseconds = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun_).count());
  glass_.send(inboxes_, std::move(call_));
}

void Sighting::arguments(std::string text) {
  call_.arguments = cut(std::move(text));
}

void Sighting::result(std::string text) {
  call_.result = cut(std::move(text));
}

void Sighting::error(std::string text) {
  call_.error = cut(std::move(text));
}

}  // namespace wattle::host
