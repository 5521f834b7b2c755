# find_package(streambro) gives streambro::streambro, the shared library, and streambro::static.

get_filename_component(_streambro_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

find_path(streambro_INCLUDE_DIR streambro.h HINTS "${_streambro_prefix}/include" NO_DEFAULT_PATH)
find_library(streambro_LIBRARY NAMES streambro HINTS "${_streambro_prefix}"
  PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH)
find_library(streambro_STATIC_LIBRARY NAMES libstreambro.a HINTS "${_streambro_prefix}"
  PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(streambro
  REQUIRED_VARS streambro_LIBRARY streambro_INCLUDE_DIR VERSION_VAR streambro_VERSION)

if(streambro_FOUND AND NOT TARGET streambro::streambro)
  add_library(streambro::streambro UNKNOWN IMPORTED)
  set_target_properties(streambro::streambro PROPERTIES
    IMPORTED_LOCATION "${streambro_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${streambro_INCLUDE_DIR}")
endif()

if(streambro_FOUND AND streambro_STATIC_LIBRARY AND NOT TARGET streambro::static)
  find_package(Threads REQUIRED)
  add_library(streambro::static STATIC IMPORTED)
  # What Rust's own library needs of the system.
  set_target_properties(streambro::static PROPERTIES
    IMPORTED_LOCATION "${streambro_STATIC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${streambro_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
