# Writes OUT with the version of the tree at SOURCE; the file's time changes only when
# the version does.
set(version "0.1.0")
execute_process(COMMAND git -C ${SOURCE} describe --tags --always --dirty
  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(NOT failed AND described MATCHES "^v")
  string(SUBSTRING ${described} 1 -1 version)
elseif(NOT failed)
  set(version "${version}-g${described}")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define CI_VERSION_TEXT \"${version}\"\n")
