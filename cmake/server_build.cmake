# What system.stats says of the build: <build>/gen/server/build.h with SERVER_GIT_BRANCH and
# SERVER_GIT_COMMIT, "unknown" without git. Looked at in every build, written only when it changes.
# As a script (cmake -DOUT=... -DSOURCE=... -P) it writes the file.
if(CMAKE_SCRIPT_MODE_FILE)
    foreach(_what "BRANCH --abbrev-ref" "COMMIT --short=12")
        string(REPLACE " " ";" _words "${_what}")
        list(GET _words 0 _name)
        list(GET _words 1 _form)
        execute_process(COMMAND git -C "${SOURCE}" rev-parse ${_form} HEAD
            OUTPUT_VARIABLE _value RESULT_VARIABLE _failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
        if(_failed)
            set(_value unknown)
        endif()
        string(APPEND _text "#define SERVER_GIT_${_name} \"${_value}\"\n")
    endforeach()
    file(CONFIGURE OUTPUT "${OUT}" CONTENT "${_text}" @ONLY) # leaves an equal file alone
    return()
endif()

set(_header "${PROJECT_BINARY_DIR}/gen/server/build.h")
add_custom_target(server_build BYPRODUCTS "${_header}"
    COMMAND "${CMAKE_COMMAND}" "-DOUT=${_header}" "-DSOURCE=${PROJECT_SOURCE_DIR}" -P "${CMAKE_CURRENT_LIST_FILE}"
    VERBATIM)
add_dependencies(kalam_server server_build)
