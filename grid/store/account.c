#include "grid/store/account.h"

__thread bool account_overdraws __attribute__((tls_model("initial-exec")));
