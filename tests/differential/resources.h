// Components that define a resource and hand it on inside other types, both ways.
//
// The resource "thing" carries a number, which is its representation: [constructor]thing(value: u32),
// [method]thing.value() -> u32, [method]thing.join(other: own<thing>) -> own<thing> (the sum of both; `other`
// is dropped), [static]thing.keep(it: own<thing>) and [static]thing.take() -> own<thing> (what was kept
// last), [static]thing.consume(it: own<thing>) -> u32 (drops it). [static]thing.live() -> u32 says how many
// there are, and [static]thing.history() -> u32 which destructors ran in what order: 31 times what it was,
// plus the number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "component/component.h"
#include "wit/type.h"

namespace wattle::differential {

inline constexpr const char* kThings = "test:pass/things";
// Own and borrow types refer to "thing" by this id.
inline constexpr wit::ResourceId kThing = 0;

// The type with each borrow, or each handle, replaced by u32, which has the same layout.
wit::TypeRef without_borrows(const wit::TypeRef& type);
wit::TypeRef without_handles(const wit::TypeRef& type);
bool has_handle(const wit::TypeRef& type);

// Exports kThings with "thing" and, for each of `passed`, "pass<i>": func(p0: T) -> T with the numbers of
// borrowed things instead of their handles. On its way the value goes through the imported kHostInterface
// "f<i>" as a T without handles.
std::vector<uint8_t> pass_things(const std::vector<wit::TypeRef>& passed, component::StringEncoding encoding);

}  // namespace wattle::differential
