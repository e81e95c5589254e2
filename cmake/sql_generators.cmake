# The lexer (re2c) and the grammar (lemon) of src/sql become C in <build>/gen/sql/. Include their
# headers as "sql/<stem>.h". Sets KALAM_SQL_GENERATED.
set(KALAM_GEN_DIR "${PROJECT_BINARY_DIR}/gen")
set(KALAM_SQL_GENERATED)
file(MAKE_DIRECTORY "${KALAM_GEN_DIR}/sql")

file(GLOB _lexers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/sql/*.re")
foreach(_source IN LISTS _lexers)
    find_program(RE2C re2c REQUIRED)
    cmake_path(GET _source STEM _stem)
    set(_out "${KALAM_GEN_DIR}/sql/${_stem}.c")
    add_custom_command(OUTPUT "${_out}"
        COMMAND "${RE2C}" -W --no-generation-date -i -o "${_out}" "${_source}"
        DEPENDS "${_source}" COMMENT "re2c ${_stem}" VERBATIM)
    list(APPEND KALAM_SQL_GENERATED "${_out}")
endforeach()

file(GLOB _grammars CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/sql/*.y")
foreach(_source IN LISTS _grammars)
    find_program(LEMON lemon REQUIRED)
    find_file(LEMON_TEMPLATE lempar.c PATHS /usr/share/lemon REQUIRED)
    cmake_path(GET _source STEM _stem)
    set(_out "${KALAM_GEN_DIR}/sql/${_stem}.c")
    # -l: no #line marks, as ccache and coverage would see the source folder in them.
    add_custom_command(OUTPUT "${_out}" "${KALAM_GEN_DIR}/sql/${_stem}.h"
        COMMAND "${LEMON}" -q -l "-T${LEMON_TEMPLATE}" "-d${KALAM_GEN_DIR}/sql" "${_source}"
        DEPENDS "${_source}" "${LEMON_TEMPLATE}" COMMENT "lemon ${_stem}" VERBATIM)
    list(APPEND KALAM_SQL_GENERATED "${_out}" "${KALAM_GEN_DIR}/sql/${_stem}.h")
endforeach()

# Warnings that the two generators cannot avoid; the actions we write inside are few.
set_source_files_properties(${KALAM_SQL_GENERATED} PROPERTIES COMPILE_OPTIONS
    "-Wno-conversion;-Wno-sign-conversion;-Wno-shadow;-Wno-unused-parameter;-Wno-unused-variable;-Wno-unused-function;-Wno-unused-but-set-variable;-Wno-missing-prototypes;-Wno-pedantic;-Wno-implicit-fallthrough;-Wno-sign-compare;-Wno-type-limits")
