// What check() says of an application beside those of the store: when it is put, and when it is deployed.
// Internal to src/manager.
#pragma once

#include "manager/application_store.h"
#include "manager/check.h"

namespace wattle::manager {

// The application gets its shared ids, and is checked beside those that are deployed, and beside those whose
// parts it uses, deployed or not. An application that is not there is no problem yet.
void check_put(ApplicationStore& store, Application& application, Problems& problems);

// The same beside what is deployed, and nothing else: what it uses must be deployed, too.
void check_deploy(ApplicationStore& store, Application& application, Problems& problems);

// What deployed applications use of it, and this version does not share with them.
void check_users(ApplicationStore& store, const Application& application, Problems& problems);

// Refused (invalid_argument): deployed applications use what it shares; each is named.
Result<void> check_unused(ApplicationStore& store, std::string_view name);

}  // namespace wattle::manager
