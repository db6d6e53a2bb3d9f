#include "lattice/stored_link.h"

#include <algorithm>
#include <optional>

#include "lattice/link_fields.h"
#include "lattice/links.h"

namespace wattle::lattice {
namespace {

constexpr std::string_view kComing = "coming";
constexpr std::string_view kGoing = "going";
constexpr size_t kTokenBytesMax = 256;

// As it is written.
struct Written {
  Link link{};
  std::optional<std::string> phase{}, copy{}, hold{};
};

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Written&) {
  list_fields(fields, self.link, self.link);
  fields.optional("wattle_phase", self.phase);
  fields.optional("wattle_copy", self.copy);
  fields.optional("wattle_hold", self.hold);
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

bool share_an_interface(const Link& left, const Link& right) {
  return std::any_of(left.interfaces.begin(), left.interfaces.end(), [&](const std::string& interface) {
    return std::find(right.interfaces.begin(), right.interfaces.end(), interface) != right.interfaces.end();
  });
}

bool has_all_of(const Link& link, const Link& other) {
  return std::all_of(other.interfaces.begin(), other.interfaces.end(), [&](const std::string& interface) {
    return std::find(link.interfaces.begin(), link.interfaces.end(), interface) != link.interfaces.end();
  });
}

// In force, and in the way of `link`.
bool gives_way(const StoredLink& stored, const Link& link) {
  return stored.phase == LinkPhase::in_force && stored.link.target != link.target &&
         share_an_interface(stored.link, link);
}

void stop_copying(StoredLinks& links) {
  std::erase_if(links, [](const StoredLink& each) { return each.phase == LinkPhase::coming; });
  for (StoredLink& each : links) {
    each.copy.clear();
    each.hold.clear();
  }
}

StoredLink* copied(StoredLinks& links, const LinkCopy& copy) {
  for (StoredLink& each : links)
    if (each.phase == LinkPhase::in_force && !each.copy.empty() && each.copy == copy.token) return &each;
  return nullptr;
}

Error copy_has_ended() {
  return Error(ErrorCode::unavailable,
               "the copy has ended: nobody asked for its records, or somebody put or deleted the link")
      .with_remedy("begin again");
}

}  // namespace

Result<StoredLinks> parse_stored_links(std::string_view json) {
  WATTLE_TRY(const boost::json::value value, parse_document(json, "stored links"));
  const auto* array = value.if_array();
  if (array == nullptr) return failure(ErrorCode::malformed, "stored links are no list");
  StoredLinks links;
  for (const auto& item : *array) {
    if (!item.is_object()) return failure(ErrorCode::malformed, "a stored link is no object");
    WATTLE_TRY(Written read, read_object<Written>(item.get_object(), "a stored link"));
    StoredLink stored{.link = std::move(read.link),
                      .phase = LinkPhase::in_force,
                      .copy = read.copy.value_or(""),
                      .hold = read.hold.value_or("")};
    if (read.phase == kComing)
      stored.phase = LinkPhase::coming;
    else if (read.phase == kGoing)
      stored.phase = LinkPhase::going;
    else if (read.phase)
      return failure(ErrorCode::malformed, "a stored link has the phase \"{}\", which is none",
                     std::string_view(*read.phase).substr(0, kTokenBytesMax));
    links.push_back(std::move(stored));
  }
  return links;
}

std::string to_json(const StoredLinks& links) {
  boost::json::array array;
  for (const StoredLink& each : links) {
    Written written{each.link, {}, unless_empty(each.copy), unless_empty(each.hold)};
    if (each.phase != LinkPhase::in_force)
      written.phase = std::string(each.phase == LinkPhase::coming ? kComing : kGoing);
    array.push_back(write_object(written));
  }
  return boost::json::serialize(array);
}

// ---- Replacing

Result<StoredLinks> put(StoredLinks links, const Link& link) {
  std::vector<Link> in_force;
  for (const StoredLink& each : links)
    if (each.phase == LinkPhase::in_force) in_force.push_back(each.link);
  WATTLE_CHECK(LinkTable::build(std::move(in_force))->check_put(link));
  stop_copying(links);
  return put_in_force(std::move(links), link);
}

bool moves(const StoredLinks& links, const Link& link) {
  return std::any_of(links.begin(), links.end(),
                     [&](const StoredLink& each) { return gives_way(each, link); });
}

Result<StoredLinks> announce(StoredLinks links, const Link& link) {
  for (const StoredLink& each : links) {
    if (!gives_way(each, link)) continue;
    if (!each.copy.empty())
      return failure(Error(ErrorCode::unavailable,
                           fmt::format("the link {} is being copied, and then leads elsewhere by itself",
                                       describe(each.link)))
                         .with_remedy("wait for \"wattle provider copy\", or end it"));
    if (!has_all_of(link, each.link))
      return failure(Error(ErrorCode::invalid_argument,
                           fmt::format("the link {} is replaced as a whole, and {} lacks some of its "
                                       "interfaces",
                                       describe(each.link), describe(link)))
                         .with_remedy("name all of them, or delete the link first"));
  }
  std::erase_if(links, [&](const StoredLink& each) {
    return each.phase != LinkPhase::in_force && each.copy.empty() &&
           (each.phase == LinkPhase::coming || each.link.target == link.target);
  });
  links.push_back({.link = link, .phase = LinkPhase::coming, .copy = {}, .hold = {}});
  return links;
}

StoredLinks put_in_force(StoredLinks links, const Link& link) {
  std::erase_if(links, [&](const StoredLink& each) { return each.link.target == link.target; });
  for (StoredLink& each : links)
    if (gives_way(each, link)) each = {each.link, LinkPhase::going, {}, {}};
  links.push_back({.link = link, .phase = LinkPhase::in_force, .copy = {}, .hold = {}});
  return links;
}

StoredLinks retire(StoredLinks links) {
  std::erase_if(
      links, [](const StoredLink& each) { return each.phase != LinkPhase::in_force && each.copy.empty(); });
  return links;
}

// ---- Copying

Result<StoredLinks> begin_copy(StoredLinks links, const LinkCopy& copy) {
  if (copy.token.empty() || copy.token.size() > kTokenBytesMax)
    return failure(ErrorCode::invalid_argument, "a copy needs a token of its own");
  if (copy.target == copy.next_target)
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("both links lead to \"{}\", and a provider keeps one configuration for "
                                     "each link",
                                     copy.target))
                       .with_remedy("start the provider a second time, under another id, and put the second "
                                    "link to that"));
  const auto from = std::find_if(links.begin(), links.end(), [&](const StoredLink& each) {
    return each.phase == LinkPhase::in_force && each.link.target == copy.target;
  });
  if (from == links.end())
    return failure(ErrorCode::not_found, "no such link leads to \"{}\" any more", copy.target);
  if (!from->copy.empty() && from->copy != copy.token)
    return failure(Error(ErrorCode::unavailable,
                         fmt::format("another copy of the link {} goes on", describe(from->link)))
                       .with_remedy("wait until it has ended; one that was killed is given up after 10 s"));
  StoredLink next{from->link, LinkPhase::coming, copy.token, {}};
  next.link.target = copy.next_target;
  next.link.target_config = copy.next_target_config;
  WATTLE_CHECK(check(next.link));
  from->copy = copy.token;
  std::erase_if(links, [&](const StoredLink& each) {
    return each.phase != LinkPhase::in_force &&
           (each.phase == LinkPhase::coming || each.link.target == copy.next_target);
  });
  links.push_back(std::move(next));
  return links;
}

Result<StoredLinks> hold(StoredLinks links, const LinkCopy& copy) {
  StoredLink* const from = copied(links, copy);
  if (from == nullptr) return failure(copy_has_ended());
  if (copy.attempt.empty() || copy.attempt.size() > kTokenBytesMax)
    return failure(ErrorCode::invalid_argument, "each attempt to hold calls needs a name of its own");
  from->hold = copy.attempt;
  return links;
}

StoredLinks release(StoredLinks links, const LinkCopy& copy) {
  if (StoredLink* const from = copied(links, copy); from != nullptr && from->hold == copy.attempt)
    from->hold.clear();
  return links;
}

Result<StoredLinks> commit(StoredLinks links, const LinkCopy& copy) {
  const StoredLink* const from = copied(links, copy);
  if (from == nullptr) return failure(copy_has_ended());
  if (copy.attempt.empty() || from->hold != copy.attempt)
    return failure(ErrorCode::deadline_exceeded, "the link's calls are not held any more");
  const auto next = std::find_if(links.begin(), links.end(), [&](const StoredLink& each) {
    return each.phase == LinkPhase::coming && each.copy == copy.token;
  });
  if (next == links.end()) return failure(copy_has_ended());
  const Link link = next->link;
  return put_in_force(std::move(links), link);
}

StoredLinks end_copy(StoredLinks links, const LinkCopy& copy) {
  if (copied(links, copy) != nullptr) stop_copying(links);
  return links;
}

}  // namespace wattle::lattice
