# Tests, all found by name; `ctest` runs them:
#   tests/unit/<folder>/<stem>_test.c   executable <folder>_<stem>_test, label unit
#   tests/unit/<folder>/<other>.c       helpers of that folder's tests
#   tests/fuzz/<name>_fuzz.c            executable <name>_fuzz; libFuzzer with KALAM_FUZZ, else a
#                                       replay of tests/fuzz/corpus/<name>/, label fuzz
#   tests/<suite>/<stem>_test.{sh,mjs}  label <suite> (api, crash, fault, sql, tools ...)
#   tests/<suite>/<stem>.c              executable <suite>_<stem>, for that suite's scripts
# Scripts find the programs by KALAM_SERVER, KALAM_CLI, KALAM_BENCH and KALAM_TEST_BIN (the folder of
# the suites' executables), and their folder for scratch files by TMPDIR as usual.
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson) # a second opinion on JSON

set(KALAM_TEST_BIN "${PROJECT_BINARY_DIR}/bin/tests")
set(KALAM_TEST_ENV
    "KALAM_SERVER=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kalamdb-server"
    "KALAM_CLI=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kalam"
    "KALAM_BENCH=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kalam-bench"
    "KALAM_TEST_BIN=${KALAM_TEST_BIN}"
    # Few generated queries under the sanitizers; run by hand, the scripts ask 5,000.
    "KALAM_ORACLE_QUERIES=200" "KALAM_ISOLATION_QUERIES=200"
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:second_deadlock_stack=1")

function(kalam_add_test_program target source)
    add_executable(${target} "${source}" ${ARGN})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${KALAM_TEST_BIN}")
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${target} PRIVATE kalam_flags)
endfunction()

function(kalam_register_test name label timeout_s)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES
        LABELS ${label} TIMEOUT ${timeout_s} ENVIRONMENT "${KALAM_TEST_ENV}")
endfunction()

# --- unit
foreach(_library IN LISTS KALAM_LIBRARIES)
    string(REPLACE "kalam_" "" _folder ${_library})
    file(GLOB _tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/${_folder}/*_test.c")
    file(GLOB _helpers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/${_folder}/*.c")
    list(FILTER _helpers EXCLUDE REGEX "_test\\.c$")
    set(_support)
    if(_helpers)
        set(_support tests_${_folder})
        add_library(${_support} STATIC ${_helpers})
        target_include_directories(${_support} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests")
        target_link_libraries(${_support} PUBLIC ${_library} PkgConfig::CMOCKA PkgConfig::JANSSON)
    endif()
    foreach(_test IN LISTS _tests)
        cmake_path(GET _test STEM _stem)
        set(_target ${_folder}_${_stem})
        kalam_add_test_program(${_target} "${_test}" "${PROJECT_SOURCE_DIR}/tests/test_main.c")
        target_link_libraries(${_target} PRIVATE ${_support} ${_library} PkgConfig::CMOCKA PkgConfig::JANSSON)
        kalam_register_test(${_target} unit 300 ${_target})
    endforeach()
endforeach()

# --- fuzz; `fuzzers` builds them all and nothing else
add_custom_target(fuzzers)
file(GLOB _fuzzers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.c")
foreach(_source IN LISTS _fuzzers)
    cmake_path(GET _source STEM _target)
    string(REGEX REPLACE "_fuzz$" "" _name ${_target})
    if(KALAM_FUZZ)
        kalam_add_test_program(${_target} "${_source}")
        target_link_options(${_target} PRIVATE -fsanitize=fuzzer)
        set_target_properties(${_target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/fuzz")
    else()
        kalam_add_test_program(${_target} "${_source}" "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c")
        kalam_register_test(${_target} fuzz 300 ${_target} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${_name}")
    endif()
    kalam_link_by_includes(${_target} "${_source}")
    add_dependencies(fuzzers ${_target})
endforeach()

# --- suites
# Talks that a TSan build has with a server on the store in memory (label tsan): those that do not
# restart it. RocksDB is not compiled with TSan.
set(KALAM_TSAN_TESTS api_http_test api_auth_test api_sql_test api_ws_protocol_test api_ws_live_test
    api_together_test)
file(GLOB _entries CONFIGURE_DEPENDS LIST_DIRECTORIES true "${PROJECT_SOURCE_DIR}/tests/*")
foreach(_suite_dir IN LISTS _entries)
    cmake_path(GET _suite_dir FILENAME _suite)
    if(NOT IS_DIRECTORY "${_suite_dir}" OR _suite MATCHES "^(unit|fuzz)$")
        continue()
    endif()
    file(GLOB _programs CONFIGURE_DEPENDS "${_suite_dir}/*.c")
    foreach(_source IN LISTS _programs)
        cmake_path(GET _source STEM _stem)
        kalam_add_test_program(${_suite}_${_stem} "${_source}")
        kalam_link_by_includes(${_suite}_${_stem} "${_source}")
    endforeach()
    file(GLOB _scripts CONFIGURE_DEPENDS "${_suite_dir}/*_test.sh" "${_suite_dir}/*_test.mjs")
    foreach(_script IN LISTS _scripts)
        cmake_path(GET _script STEM _stem)
        cmake_path(GET _script EXTENSION _extension)
        if(_extension STREQUAL ".mjs")
            find_program(NODE node REQUIRED)
            set(_runner "${NODE}")
        else()
            set(_runner bash)
        endif()
        kalam_register_test(${_suite}_${_stem} ${_suite} 1200 "${_runner}" "${_script}")
        if(KALAM_SANITIZE MATCHES "thread" AND "${_suite}_${_stem}" IN_LIST KALAM_TSAN_TESTS)
            set_property(TEST ${_suite}_${_stem} APPEND PROPERTY LABELS tsan)
            set_property(TEST ${_suite}_${_stem} APPEND PROPERTY ENVIRONMENT KALAMDB_TEST_BACKEND=mem)
        endif()
        if(NOT _suite STREQUAL "tools")
            set_tests_properties(${_suite}_${_stem} PROPERTIES RUN_SERIAL TRUE)
        endif()
    endforeach()
endforeach()
