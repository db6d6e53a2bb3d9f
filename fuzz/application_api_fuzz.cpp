// What anybody may send to the manager's API, what a manager may answer, and what may lie in its store. What
// is read is written again as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "manager/api_types.h"
#include "manager/manifest_json.h"

namespace {

using namespace wattle::manager;

template <class Answer>
void read_answer(std::string_view text) {
  const auto answer = api::parse<Answer>(text, "fuzz");
  if (!answer) return;
  const std::string json = api::to_json(*answer);
  const auto again = api::parse<Answer>(json, "fuzz");
  if (!again || api::to_json(*again) != json) std::abort();
  if constexpr (std::is_base_of_v<api::Outcome, Answer>) (void)api::error_of(*answer);
}

void read_request(std::string_view text) {
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return;
  const auto subject = api::parse_subject("default", text.substr(0, line));
  if (subject && api::subject("default", subject->operation, subject->name) != text.substr(0, line))
    std::abort();
  const auto request = api::parse_version_request(text.substr(line + 1));
  if (!request) return;
  const auto again = api::parse_version_request(api::to_json(*request));
  if (!again || again->version != request->version) std::abort();
}

void read_record(std::string_view text) {
  const auto record = parse_record("shop", text);
  if (!record) return;
  (void)record->newest();
  (void)record->previous();
  const auto again = parse_record("shop", to_json(*record));
  if (!again || again->versions != record->versions || again->history != record->history ||
      again->deployed != record->deployed)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      return read_request(text), 0;
    case 1:
      return read_record(text), 0;
    case 2:
      return (void)manifest_json(text, "1"), 0;
    case 3:
      return read_answer<api::ListAnswer>(text), read_answer<api::StatusAnswer>(text), 0;
    case 4:
      return read_answer<api::GetAnswer>(text), read_answer<api::PutAnswer>(text), 0;
    case 5:
      return read_answer<api::VersionsAnswer>(text), read_answer<api::HistoryAnswer>(text), 0;
    case 6:
      return read_answer<api::DiffAnswer>(text), read_answer<api::ValidateAnswer>(text), 0;
    default:
      return read_answer<api::DeployAnswer>(text), read_answer<api::DeleteAnswer>(text), 0;
  }
}
