// What no host can ever make true: found when a manifest is put, so that nothing is deployed that cannot
// converge.
//
//   in itself      names and ids twice, links to nothing, links that replace each other, overlapping spreads,
//                  configs that contradict each other, secrets without a policy, routes twice
//   beside others  an id, a route or a link that is another application's; a part of an application that
//                  does not share it (with this one), or that does not exist; circles of sharing
#pragma once

#include "manager/manifest.h"
#include "manager/problem.h"

namespace wattle::manager {

struct CheckOptions {
  // Whether `others` are all there are, so that an application that is not among them does not exist.
  bool others_are_all = false;
};

// Checks `application` by itself, and against `others`. One of those that has its name is the version that it
// replaces, and left out. Its shared parts have their ids already (take_shared_ids).
void check(const Application& application, Applications others, const CheckOptions& options,
           Problems& problems);

// Of check(): routes and ports of HTTP servers; links into and out of other applications.
void check_routes(const Application& application, Applications others, Problems& problems);
void check_sharing(const Application& application, Applications others, const CheckOptions& options,
                   Problems& problems);

// What deployed `users` use of `owner`, and this version of it does not give them.
void check_users(const Application& owner, Applications users, Problems& problems);

// Whether a host may have the labels of both.
bool may_overlap(const Spread& a, const Spread& b);

}  // namespace wattle::manager
