// The little of XML that S3's answers need: elements by name, and their texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::providers::s3 {

// What stands between "<name>" and "</name>", for each such element, in order; not inside of another of the
// same name.
std::vector<std::string_view> elements(std::string_view xml, std::string_view name);
// The text of the first one, with its entities replaced.
std::optional<std::string> element_text(std::string_view xml, std::string_view name);
// "&amp;" is "&".
std::string plain_text(std::string_view xml);
// The other way round.
std::string xml_text(std::string_view text);

}  // namespace wattle::providers::s3
