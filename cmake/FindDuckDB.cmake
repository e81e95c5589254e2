# Finds DuckDB of exactly DUCKDB_VERSION: the system's own if it says so, else the one that
# tools/deps put into its cache. Offers the target DuckDB::DuckDB.
set(DUCKDB_VERSION 1.4.4)

if(DEFINED ENV{KALAM_CACHE})
    set(_duckdb_cache "$ENV{KALAM_CACHE}")
elseif(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(_duckdb_cache "$ENV{XDG_CACHE_HOME}/kalamdb")
else()
    set(_duckdb_cache "$ENV{HOME}/.cache/kalamdb")
endif()

if(NOT DUCKDB_LIBRARY)
    find_library(_duckdb_system_library NAMES duckdb NO_CACHE)
    find_path(_duckdb_system_include NAMES duckdb.h NO_CACHE)
    if(_duckdb_system_library AND _duckdb_system_include)
        set(_duckdb_probe "${CMAKE_BINARY_DIR}/CMakeFiles/duckdb_version.c")
        file(WRITE "${_duckdb_probe}" "#include <duckdb.h>\n#include <stdio.h>\nint main(void) { fputs(duckdb_library_version(), stdout); }\n")
        try_run(_duckdb_exit _duckdb_compiled "${CMAKE_BINARY_DIR}/CMakeFiles" "${_duckdb_probe}"
            CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${_duckdb_system_include}"
            LINK_LIBRARIES "${_duckdb_system_library}"
            RUN_OUTPUT_VARIABLE _duckdb_says)
        if(_duckdb_compiled AND "${_duckdb_says}" STREQUAL "v${DUCKDB_VERSION}")
            set(DUCKDB_LIBRARY "${_duckdb_system_library}" CACHE FILEPATH "libduckdb.so")
            set(DUCKDB_INCLUDE_DIR "${_duckdb_system_include}" CACHE PATH "folder of duckdb.h")
        endif()
    endif()
endif()

set(_duckdb_root "${_duckdb_cache}/duckdb-${DUCKDB_VERSION}")
find_library(DUCKDB_LIBRARY NAMES duckdb PATHS "${_duckdb_root}/lib" NO_DEFAULT_PATH)
find_path(DUCKDB_INCLUDE_DIR NAMES duckdb.h PATHS "${_duckdb_root}/include" NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB
    REQUIRED_VARS DUCKDB_LIBRARY DUCKDB_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "run tools/deps, which fetches DuckDB ${DUCKDB_VERSION}")

if(DuckDB_FOUND AND NOT TARGET DuckDB::DuckDB)
    add_library(DuckDB::DuckDB SHARED IMPORTED)
    set_target_properties(DuckDB::DuckDB PROPERTIES
        IMPORTED_LOCATION "${DUCKDB_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${DUCKDB_INCLUDE_DIR}")
endif()
mark_as_advanced(DUCKDB_LIBRARY DUCKDB_INCLUDE_DIR)
