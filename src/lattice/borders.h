// Which application each component and provider belongs to, and whom it lets in: a link from one application
// into another holds only where the other shares what is linked. Managers write borders beside the links that
// hosts keep; every host leaves out the links that cross one, so a call along such a link is refused like one
// without a link, whoever has put it and whoever calls.
//
//   shop-api --> shop-kv          the same application
//   blog-api --> shop-kv          only where shop's border allows blog, for that interface
//   curl     --> shop-kv          what belongs to no application is an operator's own
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/link.h"

namespace wattle::lattice {

inline constexpr uint32_t kBorderVersion = 1;

// Who may link into an application, and for which interfaces: whom it shares with, and whose providers it has
// links from itself.
struct BorderPass {
  std::string application{};    // "*": every one
  std::string wit_namespace{};  // empty: every interface
  std::string wit_package{};
  std::string interface{};  // empty: every interface of the package
  bool operator==(const BorderPass&) const = default;
};

struct Border {
  std::string application{};
  std::vector<std::string> parts{};  // ids
  std::vector<BorderPass> passes{};  // none: nobody comes in
  // Links between its parts are still to come, which its manager makes of what they import and export: a call
  // that finds none waits for it.
  bool forming = false;

  bool operator==(const Border&) const = default;
};
// Refused: malformed; unsupported when a newer version wrote it for newer readers only.
Result<Border> parse_border(std::string_view json);
std::string to_json(const Border& border);

// All of a lattice's.
class BorderTable {
 public:
  BorderTable() = default;
  explicit BorderTable(std::vector<Border> borders);

  const std::vector<Border>& borders() const { return borders_; }
  // Null: it belongs to no application.
  const Border* of(std::string_view id) const;
  // Refused (permission_denied), naming both applications: `link` crosses a border that does not let it.
  Result<void> check(const Link& link) const;

 private:
  std::vector<Border> borders_;
  std::map<std::string, size_t, std::less<>> by_part_;
};

}  // namespace wattle::lattice
