// A provider of an interface of its own, example:mail/outbox: it writes letters as files, which some mail
// server picks up. Each link to it says where: its config has "folder".
//
//   wattle config put mail folder=/var/spool/outbox
//   wattle start provider file:///.../example_outbox --id outbox
//   wattle link put shop outbox example mail --interface outbox --target-config mail
#include <wattle/provider.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

namespace {

using namespace wattle;

// The record of world.wit, with its fields in the same order.
struct Letter {
  std::string to;
  std::string subject;
  std::string text;
};

using Sent = tl::expected<uint64_t, std::string>;  // result<u64, string>

bool is_one_line(const std::string& text) {
  return text.find_first_of("\r\n") == std::string::npos;
}

// The first number that has no file yet gets one.
Sent write_letter(const std::string& folder, const Letter& letter) {
  for (uint64_t number = 1;; ++number) {
    const std::string path = fmt::format("{}/{:06}.eml", folder, number);
    std::FILE* file = std::fopen(path.c_str(), "wx");
    if (file == nullptr && errno == EEXIST) continue;
    const std::string text =
        fmt::format("To: {}\nSubject: {}\n\n{}\n", letter.to, letter.subject, letter.text);
    const bool is_written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool is_closed = file != nullptr && std::fclose(file) == 0;
    if (is_written && is_closed) return number;
    return tl::make_unexpected(fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
  }
}

class Outbox final : public sdk::Provider {
 public:
  explicit Outbox(const sdk::ProviderContext& context) : blocking_(context.blocking) {
    functions_.add("example:mail/outbox@1.0.0", "send",
                   [this](const sdk::Caller& caller, const Letter& letter) { return send(caller, letter); });
  }

  Result<void> put_link(const sdk::ProviderLink& link) override {
    const auto folder = link.config.find("folder");
    if (folder == link.config.end())
      return failure(
          Error(ErrorCode::invalid_argument,
                fmt::format("the link of \"{}\" does not say where its letters go", link.source_id))
              .with_remedy("wattle config put mail folder=/PATH, and name that config at the link: "
                           "--target-config mail"));
    folders_[{link.source_id, link.name}] = folder->second;
    return {};
  }
  void delete_link(const sdk::ProviderLink& link) override { folders_.erase({link.source_id, link.name}); }

  sdk::Health health() override {
    for (const auto& [link, folder] : folders_)
      if (!std::filesystem::is_directory(folder))
        return {false, fmt::format("there is no folder {}", folder)};
    return {};
  }
  sdk::CustomFunctions* custom_functions() override { return &functions_; }

 private:
  Sent send(const sdk::Caller& caller, const Letter& letter) {
    if (!is_one_line(letter.to) || !is_one_line(letter.subject) || letter.to.find('@') == std::string::npos)
      return tl::make_unexpected("a letter has an address and a subject, each on one line");
    // The SDK lets only calls through that have a link.
    const std::string folder = folders_.at({std::string(caller.source_id), std::string(caller.link_name)});
    return async::offload(blocking_, [&] { return write_letter(folder, letter); });
  }

  async::OffloadPool& blocking_;
  std::map<std::pair<std::string, std::string>, std::string> folders_;  // by source and link's name
  sdk::CustomFunctions functions_;
};

}  // namespace

int main() {
  return sdk::run<Outbox>();
}
